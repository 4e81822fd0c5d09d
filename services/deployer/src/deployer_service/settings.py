"""What the deployer is told by its environment: the only module that reads it."""

import os
from functools import cache

from penstock_shared.settings import Settings, read_settings


class DeployerSettings(Settings):
    """The service's own settings, beside those of every service."""

    component_role_arn: str = ""
    """The role that functions deployed by the `lambda` driver run as."""


@cache
def settings() -> DeployerSettings:
    """The settings. Raises ConfigurationError, which names what is missing."""
    return read_settings(DeployerSettings, os.environ)
