"""What the build service is told by its environment: the only module that reads it."""

import os
from functools import cache

from penstock_shared.settings import Settings, read_settings


class BuildSettings(Settings):
    """The service's own settings, beside those of every service."""

    webhook_secret_id: str = ""
    """Name of the Secrets Manager secret that deliveries are signed with."""
    source_schemes: str = "https"
    """Comma-separated schemes of clone URLs that may be fetched from."""


@cache
def settings() -> BuildSettings:
    """The settings. Raises ConfigurationError, which names what is missing."""
    return read_settings(BuildSettings, os.environ)
