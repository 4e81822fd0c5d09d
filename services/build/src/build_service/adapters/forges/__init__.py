"""Registers the forges that webhooks come from: one module and one line here for each."""

from build_service.adapters.forges.github import GitHub
from build_service.domain.push import ForgeWebhook

FORGES: tuple[ForgeWebhook, ...] = (GitHub(),)
