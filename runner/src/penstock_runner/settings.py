"""What the runner and its function are told by their environment: the only module that reads it."""

import os
import sys
from functools import cache
from pathlib import Path

from pydantic import Field

from penstock_shared.settings import Settings, read_settings

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


class RunnerSettings(Settings):
    """The settings of `python -m penstock_runner`. `table_name` is the runner's own jobs table.

    docs/runner.md describes each for people.
    """

    job_log_group: str
    penstock_runner_workdir: Path
    penstock_runner_slots: int = Field(default=2, ge=1, le=64)
    penstock_runner_path: str = f"{Path(sys.executable).parent}:{_SYSTEM_PATH}"
    penstock_runner_lease_seconds: int = Field(default=10, ge=1, le=3600)
    penstock_runner_cache_bytes: int = Field(default=2 << 30, ge=0)
    penstock_runner_log_bytes: int = Field(default=8 << 20, ge=1 << 10)
    penstock_runner_output_bytes: int = Field(default=250 << 20, ge=1)
    """Bytes of the largest output: 250 MiB is what Lambda takes, unpacked."""


@cache
def settings() -> Settings:
    """The function's settings. Raises ConfigurationError, which names what is missing."""
    return read_settings(Settings, os.environ)


def runner_settings() -> RunnerSettings:
    """The runner's settings. Raises ConfigurationError, which names what is missing."""
    return read_settings(RunnerSettings, os.environ)
