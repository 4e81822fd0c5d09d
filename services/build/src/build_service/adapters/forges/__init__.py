"""Registers the forges that webhooks come from: one module and one line here for each."""

from collections.abc import Mapping

from build_service.adapters.forges.bitbucket import Bitbucket
from build_service.adapters.forges.git import PlainGit
from build_service.adapters.forges.gitea import Gitea
from build_service.adapters.forges.github import GitHub
from build_service.adapters.forges.gitlab import GitLab
from build_service.domain.delivery import ForgeWebhook
from penstock_shared.contracts.change import Forge

FORGES: Mapping[Forge, ForgeWebhook] = {
    Forge.GITHUB: GitHub(),
    Forge.GITLAB: GitLab(),
    Forge.GITEA: Gitea(),
    Forge.BITBUCKET: Bitbucket(),
    Forge.GIT: PlainGit(),
}
