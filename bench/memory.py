"""How much memory a server's processes hold, with all their children, while a work runs."""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

PROC = Path("/proc")
SAMPLE_SECONDS = 0.5


class PeakMemory:
    """Samples the memory of process trees; `bytes` is the highest sum seen.

    `bytes` is 0 on a system without /proc, which means not measured.
    """

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self.bytes = 0
        self._pids = pids
        self._over = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        """Start sampling."""
        self._sampler.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop sampling."""
        self._over.set()
        self._sampler.join()

    def _sample(self) -> None:
        while not self._over.is_set():
            self.bytes = max(self.bytes, proportional_bytes(self._pids()))
            self._over.wait(SAMPLE_SECONDS)


def proportional_bytes(pids: Iterable[int]) -> int:
    """Return the summed proportional set sizes, in bytes, of processes and all their descendants.

    A page that processes share counts once among them. The sum of resident set sizes would count
    it for each of them.
    """
    return sum(_proportional_bytes(pid) for pid in _with_descendants(set(pids)))


def _with_descendants(counted: set[int]) -> set[int]:
    parents = _parents()
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in counted} - counted
        counted |= children
        grown = bool(children)
    return counted


def _parents() -> dict[int, int]:
    """Return every process's parent."""
    parents: dict[int, int] = {}
    for entry in PROC.glob("[0-9]*/stat"):
        # The name, in parentheses, may hold anything; what follows it is plain numbers.
        with suppress(OSError):  # it ended meanwhile
            fields = entry.read_text().rpartition(")")[2].split()
            parents[int(entry.parent.name)] = int(fields[1])
    return parents


def _proportional_bytes(pid: int) -> int:
    """Return the `Pss` of /proc/PID/smaps_rollup, which is in kB; 0 if the process has ended."""
    with suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
