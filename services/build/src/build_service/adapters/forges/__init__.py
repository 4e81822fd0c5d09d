"""The forges that a webhook may come from: one module each, and a line here."""

from build_service.adapters.forges.github import GitHub
from build_service.domain.push import ForgeWebhook

FORGES: tuple[ForgeWebhook, ...] = (GitHub(),)
