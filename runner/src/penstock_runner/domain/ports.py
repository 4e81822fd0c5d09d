"""The interfaces that the use cases need from adapters."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from penstock_runner.domain.interruption import StopSignal
from penstock_runner.domain.masking import Mask
from penstock_runner.domain.results import Ending, LogReport
from penstock_shared.contracts.jobs import Job, JobOutput


@dataclass(frozen=True)
class Delivery:
    """One delivery of a message. `received` counts the deliveries so far."""

    body: str
    receipt: str
    received: int


class JobQueue(Protocol):
    """The queue that jobs are requested on."""

    def delete(self, message: Delivery) -> None:
        """Delete the message."""
        ...

    def hide(self, message: Delivery, seconds: int) -> None:
        """Hide the message from all receivers for this time; 0 makes it visible at once."""
        ...

    def refuse(self, message: Delivery, reason: str) -> None:
        """Move the message to the dead-letter queue, with the reason."""
        ...


@dataclass(frozen=True)
class Site:
    """The folders of one job. `workdir` lies in `source`; all are removed after the job.

    `python` is the job's own virtual environment, if the machine has a Python.
    """

    source: Path
    workdir: Path
    home: Path
    temporary: Path
    python: Path | None = None


@dataclass(frozen=True)
class Command:
    """A shell script, its whole environment, and its `timeout` in seconds.

    The script may write to `site`. If it `deploys`, it may reach what deployments may reach.
    """

    script: str
    folder: Path
    environment: Mapping[str, str]
    timeout: float
    site: Site | None = None
    deploys: bool = False

    @property
    def writable(self) -> tuple[Path, ...]:
        """The folders that the script may write to."""
        site = self.site
        return (site.source, site.home, site.temporary) if site else (self.folder,)


@dataclass(frozen=True)
class Kept:
    """The uploaded outputs, and the problems with the others."""

    outputs: Sequence[JobOutput] = ()
    problems: Sequence[str] = ()


class Workshop(Protocol):
    """Makes the folders and files of jobs. Every method raises JobError, JobInterruptedError."""

    def site(self, job: Job, stop: StopSignal) -> AbstractContextManager[Site]:
        """New folders with the job's source and inputs, removed on leaving the context."""
        ...

    def keep(self, job: Job, site: Site, stop: StopSignal) -> Kept:
        """Upload the job's outputs that exist."""
        ...


class Shell(Protocol):
    """Runs commands."""

    def run(self, command: Command, write: Callable[[bytes], None], stop: StopSignal) -> Ending:
        """Run to the end, a timeout or an order to stop; no process of the command survives it.

        Raises JobError if it cannot be started.
        """
        ...


class JobLog(Protocol):
    """Receives the output of a job."""

    def write(self, output: bytes) -> None:
        """Add output; never blocks on the network, never raises."""
        ...

    def close(self) -> LogReport:
        """Store the rest, within a few seconds, and report."""
        ...


OpenLog = Callable[[str, str, Mask | None], JobLog]
"""Opens the log of an attempt: (stream, command, what its output must not show)."""


class SecretStore(Protocol):
    """Where the values of secrets are."""

    def values_of(self, job: Job) -> Mapping[str, str]:
        """The value of each variable in the job's `secrets`.

        Raises JobError if one is missing or not for this job. Its text has names only.
        """
        ...
