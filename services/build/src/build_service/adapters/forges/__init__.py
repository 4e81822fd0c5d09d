"""Registers the forges that webhooks come from: one module and one line here for each."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from build_service.domain.delivery import ForgeWebhook
from penstock_shared.contracts.change import Forge

_WEBHOOKS: Mapping[Forge, str] = {
    Forge.GITHUB: "github.GitHubWebhook",
    Forge.GITLAB: "gitlab.GitLabWebhook",
    Forge.GITEA: "gitea.GiteaWebhook",
    Forge.BITBUCKET: "bitbucket.BitbucketWebhook",
    Forge.GIT: "git.PlainGitWebhook",
}
"""The class of each forge, in a module of this package."""


class _Forges(Mapping[Forge, ForgeWebhook]):
    """The forges' webhooks. Each is imported when it is first needed: a cold start waits for its
    own forge only.
    """

    def __getitem__(self, forge: Forge) -> ForgeWebhook:
        return _webhook_of(forge)

    def __iter__(self) -> Iterator[Forge]:
        return iter(_WEBHOOKS)

    def __len__(self) -> int:
        return len(_WEBHOOKS)


@cache
def _webhook_of(forge: Forge) -> ForgeWebhook:
    module, _, name = _WEBHOOKS[forge].partition(".")
    webhook: ForgeWebhook = getattr(import_module(f"{__name__}.{module}"), name)()
    return webhook


FORGES: Mapping[Forge, ForgeWebhook] = _Forges()
