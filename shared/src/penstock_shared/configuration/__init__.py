"""`penstock.yml`: what a repository says about its components, gates and environments."""

from penstock_shared.configuration.model import Configuration
from penstock_shared.configuration.reader import (
    AND_MORE,
    FILE_NAME,
    InvalidConfigurationError,
    Problem,
    problem_at,
    read_configuration,
)

__all__ = [
    "AND_MORE",
    "FILE_NAME",
    "Configuration",
    "InvalidConfigurationError",
    "Problem",
    "problem_at",
    "read_configuration",
]
