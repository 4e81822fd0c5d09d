"""How much memory a server's processes hold, with all their children, while a work runs."""

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

PROC = Path("/proc")
SAMPLE_SECONDS = 0.5


class PeakMemory:
    """Samples the resident memory of process trees; `bytes` is the highest sum seen.

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
            self.bytes = max(self.bytes, resident_bytes(self._pids()))
            self._over.wait(SAMPLE_SECONDS)


def resident_bytes(pids: Iterable[int]) -> int:
    """Return the summed resident set sizes, in bytes, of processes and all their descendants."""
    parents, pages = _process_table()
    counted = set(pids)
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in counted} - counted
        counted |= children
        grown = bool(children)
    return sum(pages.get(pid, 0) for pid in counted) * os.sysconf("SC_PAGE_SIZE")


def _process_table() -> tuple[dict[int, int], dict[int, int]]:
    """Return every process's parent, and its resident pages."""
    parents: dict[int, int] = {}
    pages: dict[int, int] = {}
    for entry in PROC.glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold anything; what follows it is plain numbers.
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        pid = int(entry.parent.name)
        parents[pid], pages[pid] = int(fields[1]), int(fields[21])
    return parents, pages
