"""What every driver's recipe can say of itself, so that nobody has to ask which driver it is."""

from collections.abc import Mapping
from typing import ClassVar

from penstock_shared.contracts.model import Contract


class DeployRecipe(Contract):
    """How one component is deployed. `driver` is the tag that chooses the driver."""

    driver: str
    needs_artifact: ClassVar[bool] = False
    """Whether there is nothing to deploy without an artifact."""
    named_by: ClassVar[str] = ""
    """The field that names what only one component may deploy."""

    def commands(self) -> Mapping[str, str]:
        """The commands that runners execute for it, by field."""
        return {}

    def outputs(self, stage: str) -> Mapping[str, str]:
        """What those that depend on it will be given, as far as that is known beforehand."""
        return {}

    def deployed_name(self, stage: str) -> str:
        """The name, in the account, of what only one component may deploy; empty for none."""
        return ""
