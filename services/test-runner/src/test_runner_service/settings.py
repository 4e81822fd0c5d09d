"""What the test-runner service is told by its environment: the only module that reads it."""

import os
from functools import cache

from penstock_shared.settings import Settings, read_settings


@cache
def settings() -> Settings:
    """The settings. Raises ConfigurationError, which names what is missing."""
    return read_settings(Settings, os.environ)
