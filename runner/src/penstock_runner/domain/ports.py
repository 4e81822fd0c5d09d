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
class Shared:
    """A folder that a job shares with others: what it begins as, if not empty, and the key under
    which its new content is kept for later jobs, if it is.
    """

    content: Path | None = None
    key: str = ""


@dataclass(frozen=True)
class Layer:
    """A folder of a job that begins as `lower`, which others may read at the same time.

    The job finds it at `place`. What it changes there goes to `upper`; `lower` never changes. Both
    sides of an overlay, `work` is the kernel's: https://docs.kernel.org/filesystems/overlayfs.html.
    Without `lower` the folder begins empty. `key` is as in `Shared`.
    """

    place: Path
    lower: Path | None
    upper: Path
    work: Path
    key: str = ""


@dataclass(frozen=True)
class Site:
    """The folders of one job. `workdir` lies in `source`; all are removed after the job.

    `python` is the job's own virtual environment, if the machine has a Python. `programs` are more
    folders for its PATH. `layers` are folders that it shares with other jobs. The job sees the
    folder that all the others are in as `seen_as`, if it has one.
    """

    source: Path
    workdir: Path
    home: Path
    temporary: Path
    python: Path | None = None
    programs: tuple[Path, ...] = ()
    layers: tuple[Layer, ...] = ()
    seen_as: Path | None = None

    def seen(self, path: Path) -> Path:
        """A path in one of its folders, as the job sees it."""
        return self.seen_as / path.relative_to(self.source.parent) if self.seen_as else path


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

    @property
    def measured(self) -> tuple[Path, ...]:
        """The folders whose size is what the script uses of the disk."""
        layers = self.site.layers if self.site else ()
        return (*self.writable, *(layer.upper for layer in layers))

    @property
    def begins_in(self) -> Path:
        """The folder that the script begins in, as it sees it."""
        return self.site.seen(self.folder) if self.site else self.folder


@dataclass(frozen=True)
class Kept:
    """The uploaded outputs, and the problems with the others."""

    outputs: Sequence[JobOutput] = ()
    problems: Sequence[str] = ()


class Workshop(Protocol):
    """Makes the folders and files of jobs. Every method raises JobError, JobInterruptedError."""

    def site(
        self, job: Job, stop: StopSignal, found: Mapping[str, Shared] | None = None
    ) -> AbstractContextManager[Site]:
        """New folders with the job's source and inputs, removed on leaving the context.

        `found` are the folders that it shares, by their name in the job: relative to its working
        directory or, after `~/`, to its home. Without it no folder is shared.
        """
        ...

    def keep(self, job: Job, site: Site, stop: StopSignal) -> Kept:
        """Upload the job's outputs that exist."""
        ...

    def folders(self, site: Site, names: Sequence[str]) -> list[Path]:
        """The folders of these names that a job has made."""
        ...

    def moved(self, site: Site, workdir: str) -> Site:
        """The same folders, with another working directory."""
        ...

    def with_programs(self, site: Site, names: Sequence[str]) -> Site:
        """The site with the programs of these folders on its PATH."""
        ...

    def digest(self, job: Job, patterns: tuple[str, ...], stop: StopSignal) -> str:
        """The hash over the files of the job's snapshot that any of these patterns names."""
        ...


class FolderStore(Protocol):
    """The folders that the jobs of one trust leave for later ones."""

    def newest(self, key: str) -> AbstractContextManager[Path | None]:
        """The folder of what was last kept under this key, which stays while the context does: `0`,
        `1`, ... in it are the folders that were kept together.
        """
        ...

    def making(self, key: str, patience: float, stop: StopSignal) -> AbstractContextManager[None]:
        """Wait until nobody else makes what belongs to the key, for `patience` seconds at most."""
        ...

    def keep(self, key: str, folders: Sequence[Path]) -> None:
        """Take these folders, from now on under this key. Raises JobError."""
        ...

    def keep_layer(self, key: str, layer: Layer) -> None:
        """Keep a folder under this key as a job has left it. Costs only speed if it cannot."""
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
