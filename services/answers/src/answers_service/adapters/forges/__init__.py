"""Registers the forges that answers are told to: one module and one line here for each."""

from collections.abc import Callable, Mapping

from answers_service.adapters.forges.bitbucket import BitbucketApi
from answers_service.adapters.forges.gitea import GiteaApi
from answers_service.adapters.forges.github import GitHubApi
from answers_service.adapters.forges.gitlab import GitLabApi
from answers_service.domain.ports import ForgeApi
from penstock_shared.contracts.answers import WriteCredential
from penstock_shared.contracts.change import Forge

FORGES: Mapping[str, Callable[[WriteCredential], ForgeApi]] = {
    Forge.GITHUB: GitHubApi.of,
    Forge.GITLAB: GitLabApi.of,
    Forge.GITEA: GiteaApi.of,
    Forge.BITBUCKET: BitbucketApi.of,
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
