"""What the release service is told by its environment: the only module that reads it."""

import os
from functools import cache

from penstock_shared.settings import Settings, read_settings


class ReleaseSettings(Settings):
    """The service's own settings, beside those of every service."""

    bake_state_machine_arn: str = ""


@cache
def settings() -> ReleaseSettings:
    """The settings. Raises ConfigurationError, which names what is missing."""
    return read_settings(ReleaseSettings, os.environ)
