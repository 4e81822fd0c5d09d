"""Registers the forges that webhooks come from: one module and one line here for each."""

from collections.abc import Mapping

from build_service.adapters.forges.github import GitHub
from build_service.domain.push import ForgeWebhook
from penstock_shared.contracts.change import Forge

FORGES: Mapping[Forge, ForgeWebhook] = {
    Forge.GITHUB: GitHub(),
    # Plain git has no webhook of its own: its hooks send GitHub's.
    Forge.GIT: GitHub(),
}
