"""How much of the machine one job may take, and how much it takes: read from /proc and the disk.

The kernel enforces the number of processes and the size of a file; the rest is looked at several
times a second by who attends the job.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

GIB = 1 << 30
_PAGE = os.sysconf("SC_PAGE_SIZE")
# Of /proc/<pid>/stat behind the name, see proc_pid_stat(5): fields 20 and 24, the first being 3.
_THREADS, _RESIDENT = 17, 21


@dataclass(frozen=True)
class Limits:
    """`memory` and `disk` in bytes; `processes` counts threads too, as the kernel does."""

    memory: int = 4 * GIB
    processes: int = 1024
    disk: int = 10 * GIB


@dataclass
class Disk:
    """The size of the folders that a job writes.

    Walking them is dear, so it is done only once the file system has lost more space than the
    job had left.
    """

    folders: Sequence[Path]
    limit: int
    _size: int = 0
    _free: int = field(init=False)

    def __post_init__(self) -> None:
        self._free = self._free_now()

    def used(self) -> int:
        """Bytes; may be outdated as long as they cannot be too many."""
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
    """Compares what the descendants of the process `root` take with the limits."""

    root: int
    limits: Limits
    folders: Sequence[Path]
    _disk: Disk = field(init=False)

    def __post_init__(self) -> None:
        self._disk = Disk(self.folders, self.limits.disk)

    def excess(self) -> str:
        """Which limit is exceeded and by what, for people; empty if none is."""
        pids = list(descendants(self.root))
        counts = [_threads_and_memory(pid) for pid in pids]
        threads = sum(threads for threads, _ in counts)
        if threads > self.limits.processes:
            return f"{threads} processes and threads, the limit is {self.limits.processes}"
        memory = sum(memory for _, memory in counts)
        # Shared pages are counted once for each process, so an excess is looked at more closely.
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
    """The processes below `root`, without itself. None where there is no /proc."""
    for child in _children(root):
        yield child
        yield from descendants(child)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  # hundreds of them
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    except OSError:
        return found  # it has ended in the meantime
    return found


def _threads_and_memory(pid: int) -> tuple[int, int]:
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return (int(fields[_THREADS]), int(fields[_RESIDENT]) * _PAGE) if fields else (0, 0)


def _exact(pids: Sequence[int]) -> int:
    return sum(_proportional(pid) for pid in pids)


def _proportional(pid: int) -> int:
    """Bytes of memory, shared pages divided by those who share them."""
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
                continue  # it has been removed in the meantime
            total += found.st_blocks * 512 if stat.S_ISREG(found.st_mode) else 0
    return total
