"""The base of every driver's recipe. Callers never need to ask which driver it is."""

from collections.abc import Mapping
from typing import ClassVar

from penstock_shared.contracts.model import Contract, Env


class DeployRecipe(Contract):
    """How one component is deployed. `driver` is the tag of the union of recipes."""

    driver: str
    env: Env = {}
    """Variables of what is deployed, or of the commands that deploy it."""
    needs_artifact: ClassVar[bool] = False
    """Whether the driver deploys an artifact, and so needs one."""
    named_by: ClassVar[str] = ""
    """The field that names the deployed resource, which only one component may deploy."""

    def commands(self) -> Mapping[str, str]:
        """The commands that runners execute, by field."""
        return {}

    def secrets_of_jobs(self) -> Mapping[str, str]:
        """The secrets that its commands are given, by variable."""
        return {}

    def outputs(self, stage: str) -> Mapping[str, str]:
        """The outputs for dependent components, as far as they are known before the deployment."""
        return {}

    def deployed_name(self, stage: str) -> str:
        """The name of the deployed resource in the account; empty if it has none."""
        return ""
