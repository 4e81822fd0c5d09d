"""What the functions are told by their environment: the only module that reads it."""

import os
from functools import cache

from penstock_shared.settings import Settings, read_settings


class MonitorSettings(Settings):
    """The service's own settings, beside those of every service."""

    job_log_group: str = ""
    """The log group that runners write jobs' output to."""


@cache
def settings() -> MonitorSettings:
    """The settings. Raises ConfigurationError, which names what is missing."""
    return read_settings(MonitorSettings, os.environ)
