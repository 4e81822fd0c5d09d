"""`penstock.yml`: what a repository says about its components, gates and environments."""

from penstock_shared.configuration.model import Configuration
from penstock_shared.configuration.reader import (
    AND_MORE,
    FILE_NAME,
    InvalidConfigurationError,
    Problem,
    problem_at,
    read_configuration,
    refuse_places,
)
from penstock_shared.configuration.rules import Broken

__all__ = [
    "AND_MORE",
    "FILE_NAME",
    "Broken",
    "Configuration",
    "InvalidConfigurationError",
    "Problem",
    "problem_at",
    "read_configuration",
    "refuse_places",
]
