"""The base of every build preset."""

from collections.abc import Iterable
from typing import Protocol

from penstock_shared.contracts.drivers.base import DeployRecipe


class Preset(Protocol):
    """A way to build a component, which a `penstock.yml` chooses by name."""

    @property
    def artifact(self) -> str:
        """The file, in the component's folder, that the command leaves."""
        ...

    def command(self, path: str, includes: Iterable[str]) -> str:
        """The command that a runner executes in the component's folder `path`.

        `includes` are folders of the repository that go into the artifact.
        """
        ...

    def refusal(self, deploy: DeployRecipe) -> tuple[str, str] | None:
        """The field of the recipe that the artifact does not suit, and why; None if it suits."""
        ...
