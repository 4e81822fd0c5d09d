"""What the runner is told by its environment: the only module of the runner that reads it."""

import os
import sys
from enum import StrEnum
from pathlib import Path

from pydantic import Field, field_validator

from penstock_shared.passing import PASSED, passed_from
from penstock_shared.settings import Settings, read_settings


class Confinement(StrEnum):
    """Whether jobs run in sandboxes: if the machine can make them, or the runner ends, or never."""

    AUTO = "auto"
    REQUIRED = "required"
    OFF = "off"


class RunnerSettings(Settings):
    """The settings of `python -m penstock_runner`. `table_name` is the runner's own jobs table.

    docs/runner.md describes each for people.
    """

    job_log_group: str
    artifact_bucket: str = Field(min_length=1)
    penstock_runner_workdir: Path
    penstock_runner_name: str = ""
    penstock_runner_slots: int = Field(default=2, ge=1, le=64)
    penstock_runner_path: str = "/usr/local/bin:/usr/bin:/bin"
    penstock_runner_presets: str = sys.executable
    """A Python whose environment has the presets; jobs run it, and nothing is installed into it."""
    penstock_runner_lease_seconds: int = Field(default=10, ge=1, le=3600)
    penstock_runner_cache_bytes: int = Field(default=2 << 30, ge=0)
    penstock_runner_log_bytes: int = Field(default=8 << 20, ge=1 << 10)
    penstock_runner_output_bytes: int = Field(default=250 << 20, ge=1)
    """Bytes of the largest output: 250 MiB is what Lambda takes, unpacked."""
    penstock_runner_passes: str = ",".join(PASSED)
    """Comma-separated names of the runner's own variables that jobs are given too."""
    penstock_runner_sandbox: Confinement = Confinement.AUTO
    penstock_runner_memory_bytes: int = Field(default=4 << 30, ge=16 << 20)
    penstock_runner_processes: int = Field(default=1024, ge=16)
    """Threads count too."""
    penstock_runner_disk_bytes: int = Field(default=10 << 30, ge=1 << 20)
    penstock_runner_reaches: str = ""
    """Comma-separated host:port of private places that jobs may reach."""
    aws_ca_bundle: str = ""

    @field_validator("penstock_runner_passes")
    @classmethod
    def _passes_no_secrets(cls, names: str) -> str:
        if any(name.strip().upper().startswith("AWS_") for name in names.split(",")):
            raise ValueError("AWS settings are the runner's, and no job's")
        return names


def runner_settings() -> RunnerSettings:
    """The runner's settings. Raises ConfigurationError, which names what is missing."""
    return read_settings(RunnerSettings, os.environ)


def passed_on(told: RunnerSettings) -> dict[str, str]:
    """Those of the runner's own variables that jobs are given, as far as they are set."""
    return passed_from(os.environ, told.penstock_runner_passes.split(","))
