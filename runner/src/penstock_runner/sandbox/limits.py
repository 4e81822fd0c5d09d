"""The resource limits of a job, and its use of them, read from /proc and the disk.

The kernel enforces the number of processes and the size of a file. The shell checks the other
limits several times a second.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

GIB = 1 << 30
_PAGE = os.sysconf("SC_PAGE_SIZE")
# Fields 20 and 24 of /proc/<pid>/stat, counted from field 3, the first after the name. See
# proc_pid_stat(5).
_THREADS, _RESIDENT = 17, 21


@dataclass(frozen=True)
class Limits:
    """`memory` and `disk` in bytes; `processes` counts threads too, as the kernel does."""

    memory: int = 4 * GIB
    processes: int = 1024
    disk: int = 10 * GIB


@dataclass
class Disk:
    """The size of the folders that a job writes to.

    Walking them is expensive, so it is done only when the file system has lost more free space
    than the job may still use.
    """

    folders: Sequence[Path]
    limit: int
    _size: int = 0
    _free: int = field(init=False)

    def __post_init__(self) -> None:
        self._free = self._free_now()

    def used(self) -> int:
        """Bytes; may be out of date while the limit cannot have been reached."""
        free = self._free_now()
        if self._free - free > self.limit - self._size:
            self._size = sum(_size_of(folder) for folder in self.folders)
            self._free = free
        return self._size

    def _free_now(self) -> int:
        found = os.statvfs(self.folders[0])
        return found.f_bavail * found.f_frsize


@dataclass
class Meter:
    """Compares the resources of the descendants of the process `root` with the limits."""

    root: int
    limits: Limits
    folders: Sequence[Path]
    _disk: Disk = field(init=False)

    def __post_init__(self) -> None:
        self._disk = Disk(self.folders, self.limits.disk)

    def excess(self) -> str:
        """The exceeded limit and the use of it, for people; empty if there is none."""
        pids = list(descendants(self.root))
        counts = [_threads_and_memory(pid) for pid in pids]
        threads = sum(threads for threads, _ in counts)
        if threads > self.limits.processes:
            return f"{threads} processes and threads, the limit is {self.limits.processes}"
        memory = sum(memory for _, memory in counts)
        # This counts shared pages once per process, so an excess is measured again exactly.
        if memory > self.limits.memory and (memory := _exact(pids)) > self.limits.memory:
            return f"{readable(memory)} of memory, the limit is {readable(self.limits.memory)}"
        if (used := self._disk.used()) > self.limits.disk:
            return f"{readable(used)} of disk, the limit is {readable(self.limits.disk)}"
        return ""


def readable(size: int) -> str:
    """Bytes, for people: `4.2 GiB`, `300 MiB`."""
    value, unit = (size / GIB, "GiB") if size >= GIB else (size / (1 << 20), "MiB")
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def descendants(root: int) -> Iterator[int]:
    """The descendants of the process `root`; none on systems without /proc."""
    for child in _children(root):
        yield child
        yield from descendants(child)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  # hundreds of them
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    except OSError:
        return found  # it has ended
    return found


def _threads_and_memory(pid: int) -> tuple[int, int]:
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return (int(fields[_THREADS]), int(fields[_RESIDENT]) * _PAGE) if fields else (0, 0)


def _exact(pids: Sequence[int]) -> int:
    return sum(_proportional(pid) for pid in pids)


def _proportional(pid: int) -> int:
    """Bytes of memory, with shared pages divided among the processes that share them."""
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) << 10
    return _threads_and_memory(pid)[1]


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # hundreds of them
            return file.read()
    except OSError:
        return b""


def _size_of(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                found = Path(path, name).lstat()
            except OSError:
                continue  # it has been removed
            total += found.st_blocks * 512 if stat.S_ISREG(found.st_mode) else 0
    return total
