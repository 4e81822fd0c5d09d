"""The deliveries of plain git, whose hooks send GitHub's."""

from dataclasses import dataclass
from typing import ClassVar

from penstock_shared.contracts.change import Forge
from tests.support.forges.github import GitHubStandIn


@dataclass(frozen=True)
class PlainGitStandIn(GitHubStandIn):
    """A server of plain git that sends GitHub's deliveries."""

    forge: ClassVar[Forge] = Forge.GIT
