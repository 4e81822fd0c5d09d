"""Registers the forges that answers are told to: one module and one line here for each."""

from collections.abc import Callable, Mapping

from answers_service.adapters.forges.bitbucket import Bitbucket
from answers_service.adapters.forges.gitea import Gitea
from answers_service.adapters.forges.github import GitHub
from answers_service.adapters.forges.gitlab import GitLab
from answers_service.domain.ports import ForgeApi
from penstock_shared.contracts.answers import WriteCredential
from penstock_shared.contracts.change import Forge

FORGES: Mapping[str, Callable[[WriteCredential], ForgeApi]] = {
    Forge.GITHUB: GitHub.of,
    Forge.GITLAB: GitLab.of,
    Forge.GITEA: Gitea.of,
    Forge.BITBUCKET: Bitbucket.of,
    # Plain git has no place for an answer.
}


class KnownForges:
    """The APIs of all forges. One for each credential, because it remembers the pause asked for."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, WriteCredential], ForgeApi] = {}

    def __call__(self, forge: str, credential: WriteCredential) -> ForgeApi | None:
        """See Forges."""
        key = (forge, credential)
        if key not in self._known and forge in FORGES:
            self._known[key] = FORGES[forge](credential)
        return self._known.get(key)
