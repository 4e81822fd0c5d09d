"""What the use cases need from outside."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from penstock_runner.domain.interruption import StopSignal
from penstock_runner.domain.results import Ending, LogReport
from penstock_shared.contracts.jobs import Job, JobOutput


@dataclass(frozen=True)
class Message:
    """One delivery of a message. `received` counts the deliveries so far."""

    body: str
    receipt: str
    received: int


class JobQueue(Protocol):
    """The queue that jobs are requested on."""

    def delete(self, message: Message) -> None:
        """Take the message off the queue for good."""
        ...

    def hide(self, message: Message, seconds: int) -> None:
        """Let nobody receive the message for so long from now on; 0 shows it at once."""
        ...

    def refuse(self, message: Message, reason: str) -> None:
        """Move the message to the dead-letter queue, with the reason."""
        ...


@dataclass(frozen=True)
class Site:
    """The folders of one job. `workdir` lies in `source`; all vanish with the job.

    `python` is a virtual environment of the job's own, where the machine has a Python.
    """

    source: Path
    workdir: Path
    home: Path
    temporary: Path
    python: Path | None = None


@dataclass(frozen=True)
class Command:
    """A shell script to run with this environment and no other; `timeout` in seconds.

    It may write the `site`, and reaches what deployments reach if it `deploys`.
    """

    script: str
    folder: Path
    environment: Mapping[str, str]
    timeout: float
    site: Site | None = None
    deploys: bool = False

    @property
    def writable(self) -> tuple[Path, ...]:
        """The folders that the script may write."""
        site = self.site
        return (site.source, site.home, site.temporary) if site else (self.folder,)


@dataclass(frozen=True)
class Kept:
    """The outputs that were uploaded, and what is wrong with those that were not."""

    outputs: Sequence[JobOutput] = ()
    problems: Sequence[str] = ()


class Workshop(Protocol):
    """Where jobs get their folders and files. All raise JobError and JobInterruptedError."""

    def site(self, job: Job, stop: StopSignal) -> AbstractContextManager[Site]:
        """Fresh folders with the job's source and inputs in place, removed on leaving."""
        ...

    def keep(self, job: Job, site: Site, stop: StopSignal) -> Kept:
        """Upload those of the job's outputs that exist."""
        ...


class Shell(Protocol):
    """Runs commands."""

    def run(self, command: Command, write: Callable[[bytes], None], stop: StopSignal) -> Ending:
        """Run to the end, a timeout or an order to stop; nothing of the command survives it.

        Raises JobError if it cannot be started.
        """
        ...


class JobLog(Protocol):
    """Takes a job's output as it comes."""

    def write(self, output: bytes) -> None:
        """Take some output; never blocks on the network, never raises."""
        ...

    def close(self) -> LogReport:
        """Store what is left, within a few seconds."""
        ...


OpenLog = Callable[[str, str], JobLog]
"""Opens the log of an attempt: (stream, command)."""
