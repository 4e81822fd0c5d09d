"""Says whose a deployed resource is, in its tags."""

from collections.abc import Mapping
from dataclasses import dataclass

_PREFIX = "penstock:"
OWN_NAMES = "penstock-"
"""The beginning of the names of Penstock's own resources, which nothing else may touch."""


@dataclass(frozen=True)
class Ownership:
    """A component in an environment of a repository, as one stage of Penstock deploys it.

    `repository` begins with its forge: `github/acme/shop`.
    """

    stage: str
    repository: str
    component: str
    environment: str

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> "Ownership | None":
        """What the tags say; None where Penstock deployed nothing, or somebody removed a tag."""
        found = {name: tags.get(f"{_PREFIX}{name}") for name in cls.__dataclass_fields__}
        known = {name: value for name, value in found.items() if value}
        return cls(**known) if known.keys() == found.keys() else None

    def tags(self) -> dict[str, str]:
        """The tags that say so."""
        return {f"{_PREFIX}{name}": getattr(self, name) for name in self.__dataclass_fields__}

    def __str__(self) -> str:
        return (
            f"component {self.component} of {self.repository} in environment {self.environment} "
            f"(Penstock's stage {self.stage})"
        )
