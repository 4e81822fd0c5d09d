"""The settings of the runner. No other module of the runner reads its environment."""

import os
import sys
from enum import StrEnum
from pathlib import Path

from pydantic import Field, field_validator

from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.jobs import TOOLCHAIN_CHARACTERS
from penstock_shared.passing import PASSED, passed_from
from penstock_shared.settings import Settings, read_settings


class Confinement(StrEnum):
    """Sandboxes: if the machine can make them, or the runner does not start without, or never."""

    AUTO = "auto"
    REQUIRED = "required"
    OFF = "off"


class RunnerSettings(Settings):
    """The settings of `python -m penstock_runner`. `table_name` is the runner's own jobs table.

    docs/runner.md describes each for people.
    """

    job_log_group: str
    artifact_bucket: str = Field(min_length=1)
    penstock_runner_trust: Trust
    penstock_runner_workdir: Path
    penstock_runner_name: str = ""
    penstock_runner_slots: int = Field(default=2, ge=1, le=64)
    penstock_runner_path: str = "/usr/local/bin:/usr/bin:/bin"
    penstock_runner_presets: str = sys.executable
    """A Python whose environment has the presets. Jobs run it; nothing is installed into it."""
    penstock_runner_toolchain: str = Field(default="", max_length=TOOLCHAIN_CHARACTERS)
    """What stands for the machine's system and tools in results, instead of what is found."""
    penstock_runner_lease_seconds: int = Field(default=10, ge=1, le=3600)
    penstock_runner_cache_bytes: int = Field(default=2 << 30, ge=0)
    penstock_runner_kept_bytes: int = Field(default=10 << 30, ge=0)
    """Bytes of the environments and caches that jobs leave for later ones."""
    penstock_runner_log_bytes: int = Field(default=8 << 20, ge=1 << 10)
    penstock_runner_output_bytes: int = Field(default=250 << 20, ge=1)
    """Bytes of the largest output: Lambda accepts 250 MiB, unpacked."""
    penstock_runner_passes: str = ",".join(PASSED)
    """Comma-separated names of the runner's variables that are passed on to jobs."""
    penstock_runner_sandbox: Confinement = Confinement.AUTO
    penstock_runner_memory_bytes: int = Field(default=4 << 30, ge=16 << 20)
    penstock_runner_processes: int = Field(default=1024, ge=16)
    """Includes threads."""
    penstock_runner_disk_bytes: int = Field(default=10 << 30, ge=1 << 20)
    penstock_runner_reaches: str = ""
    """Comma-separated host:port of private addresses that jobs may reach."""
    aws_ca_bundle: str = ""

    @property
    def work_folder(self) -> Path:
        """The folder for caches and jobs, which only runners of this trust use."""
        return self.penstock_runner_workdir / self.penstock_runner_trust

    @property
    def builder(self) -> str:
        """The name of runners like this one in the provenance of what they build.

        The bucket's name is unique among all of AWS.
        """
        return f"urn:penstock:runner:{self.artifact_bucket}:{self.penstock_runner_trust}"

    @field_validator("penstock_runner_passes")
    @classmethod
    def _passes_no_secrets(cls, names: str) -> str:
        if any(name.strip().upper().startswith("AWS_") for name in names.split(",")):
            raise ValueError("AWS settings are the runner's, and no job's")
        return names


def runner_settings() -> RunnerSettings:
    """The runner's settings. Raises ConfigurationError, which names what is missing."""
    return read_settings(RunnerSettings, os.environ)


def passed_on(settings: RunnerSettings) -> dict[str, str]:
    """Those of the runner's variables that are passed on to jobs and set."""
    return passed_from(os.environ, settings.penstock_runner_passes.split(","))
