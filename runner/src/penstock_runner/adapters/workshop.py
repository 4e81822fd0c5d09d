"""The folders that jobs work in.

`<folder>/cache` holds downloads. Beside it each runner has its own folder, which it locks while it
lives. The next runner that starts removes the unlocked folders of killed ones.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from penstock_runner.adapters.archive import unpack
from penstock_runner.adapters.download_cache import DownloadCache
from penstock_runner.adapters.layering import layered, made, with_programs
from penstock_runner.adapters.outputs import OutputStore, keep_outputs
from penstock_runner.adapters.paths import inside, remove_tree
from penstock_runner.adapters.rooms import Room, Rooms
from penstock_runner.adapters.snapshots import OpenSnapshots, Snapshot
from penstock_runner.domain.interruption import StopSignal
from penstock_runner.domain.ports import Kept, Shared, Site
from penstock_runner.errors import JobError
from penstock_shared.contracts.jobs import Checkout, Download, Job
from penstock_shared.contracts.plan import History

_LOCK = "lock"


@dataclass(frozen=True)
class FolderWorkshop:
    """Furnishes a room for each job."""

    rooms: Rooms
    cache: DownloadCache
    outputs: OutputStore
    snapshots: OpenSnapshots = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "snapshots", OpenSnapshots(self.cache.incoming))

    @contextmanager
    def site(
        self, job: Job, stop: StopSignal, found: Mapping[str, Shared] | None = None
    ) -> Iterator[Site]:
        """Fresh folders with the job's source and inputs in place. Raises JobError."""
        room = self.rooms.take() if found is None else self.rooms.take_bare()
        try:
            site = self._furnished(room, job, stop)
            yield site if found is None else layered(site, found, room.layers)
        finally:
            self.rooms.give_back(room)

    def folders(self, site: Site, names: Sequence[str]) -> list[Path]:
        """The folders of these names that a job has made. Raises JobError if one is missing."""
        return made(site, names)

    def moved(self, site: Site, workdir: str) -> Site:
        """The same folders, with another working directory."""
        return replace(site, workdir=_workdir(site.source, workdir))

    def with_programs(self, site: Site, names: Sequence[str]) -> Site:
        """The site with the programs of these folders on its PATH. Raises JobError."""
        return with_programs(site, names)

    def digest(self, job: Job, patterns: tuple[str, ...], stop: StopSignal) -> str:
        """The hash over the files of the job's snapshot that any of these patterns names."""
        return self._snapshot(job, stop).digest(patterns)

    def keep(self, job: Job, site: Site, stop: StopSignal) -> Kept:
        """Upload the job's outputs that exist."""
        return keep_outputs(job, site, self.outputs, stop)

    def _furnished(self, room: Room, job: Job, stop: StopSignal) -> Site:
        source, home, temporary = room.folders
        self._check_out(job, source, stop)
        for download in job.inputs:
            self._bring(download, job, source, stop)
        return Site(source, _workdir(source, job.workdir), home, temporary, room.python)

    def _check_out(self, job: Job, source: Path, stop: StopSignal) -> None:
        with _named("source"):
            self._snapshot(job, stop).unpack(source, job.source.inputs)
        if job.source.history is History.NONE:
            remove_tree(source / ".git")  # a part of a snapshot that has one

    def _snapshot(self, job: Job, stop: StopSignal) -> Snapshot:
        download = _download_of(job.source)
        return self.snapshots.get(download.sha256, lambda: self.cache.open(download, job, stop))

    def _bring(self, download: Download, job: Job, source: Path, stop: StopSignal) -> None:
        if download.path == "." or download.path.endswith("/"):
            self._unpack(download, job, source, stop, f"input {download.path}")
            return
        target = inside(source, download.path)
        with _named(f"input {download.path}"), self.cache.open(download, job, stop) as content:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                shutil.copyfileobj(content, file)

    def _unpack(
        self, download: Download, job: Job, source: Path, stop: StopSignal, name: str
    ) -> None:
        target = inside(source, download.path)
        with _named(name), self.cache.open(download, job, stop) as archive:
            target.mkdir(parents=True, exist_ok=True)
            unpack(archive, target)


def _download_of(source: Checkout) -> Download:
    snapshot = source.snapshot
    return Download(key=snapshot.key, sha256=snapshot.sha256)


@contextmanager
def own_folder(workdir: Path) -> Iterator[Path]:
    """A folder for this runner, locked until it ends. Removes the folders of dead runners first."""
    workdir.mkdir(parents=True, exist_ok=True)
    for left in workdir.glob("runner-*"):
        _clear_up(left)
    # Renamed only once locked: an unlocked folder of this name counts as a dead runner's.
    fresh = Path(tempfile.mkdtemp(dir=workdir, prefix=".new-"))
    with (fresh / _LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = fresh.rename(workdir / f"runner-{os.getpid()}{fresh.name.removeprefix('.new')}")
        try:
            yield folder
        finally:
            remove_tree(folder)


def _clear_up(folder: Path) -> None:
    try:
        with (folder / _LOCK).open("rb") as lock:
            if _taken(lock):
                remove_tree(folder)
    except FileNotFoundError:
        return  # another runner is making or removing it


def _taken(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _workdir(source: Path, name: str) -> Path:
    workdir = inside(source, name)
    if not workdir.is_dir():
        raise JobError(f"there is no folder {name} in the source")
    return workdir


@contextmanager
def _named(what: str) -> Iterator[None]:
    try:
        yield
    except JobError as error:
        raise type(error)(f"{what}: {error}") from error
