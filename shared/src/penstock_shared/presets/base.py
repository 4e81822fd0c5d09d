"""What every build preset can say of itself."""

from collections.abc import Iterable
from typing import Protocol

from penstock_shared.contracts.drivers.base import DeployRecipe


class Preset(Protocol):
    """A way to build a component that a `penstock.yml` chooses by name."""

    @property
    def artifact(self) -> str:
        """The file, in the component's folder, that the command leaves."""
        ...

    def command(self, path: str, includes: Iterable[str]) -> str:
        """What a runner executes in the component's folder `path`; `includes` are folders of the
        repository that the artifact takes in.
        """
        ...

    def refusal(self, deploy: DeployRecipe) -> tuple[str, str] | None:
        """The field of the recipe that its artifact cannot serve, and why; None if it can."""
        ...
