"""Keeps the first and the last part of a job's output within a limit.

The first part is stored while the job runs. Later output goes to a ring buffer in memory, which is
stored when the job has ended, after a line that says how much was left out.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from penstock_runner.adapters.text import LineCutter, readable, split_lines
from penstock_shared.printable import escaped_lines

EVENT_OVERHEAD = 26
"""Bytes that CloudWatch Logs counts and bills for each event in addition to its text."""
UNENDED_PATIENCE = 10_000
"""Milliseconds to wait for the end of a line, so that it is stored as one event. Prompts and
progress bars never end their line; they are stored after this time."""
RECENT = 1 << 14
"""Bytes of output that the tail in the job's result is made from."""


@dataclass(frozen=True)
class LogLine:
    """One line, printed `at` milliseconds since the epoch."""

    at: int
    text: str

    @property
    def weight(self) -> int:
        """Bytes as CloudWatch Logs counts them."""
        return len(self.text.encode()) + EVENT_OVERHEAD


@dataclass
class _Ring:
    """The last bytes of a stream: at least `limit`, and at most one piece more."""

    limit: int
    held: int = 0
    seen: int = 0
    pieces: deque[bytes] = field(default_factory=deque)

    def add(self, piece: bytes) -> None:
        self.pieces.append(piece)
        self.held += len(piece)
        self.seen += len(piece)
        while self.held - len(self.pieces[0]) >= self.limit:
            self.held -= len(self.pieces.popleft())

    def content(self) -> bytes:
        return b"".join(self.pieces)


@dataclass
class Capture:
    """The output of one job. At most `cap` bytes, as CloudWatch counts them, are stored.

    Not thread-safe.
    """

    cap: int
    now: Callable[[], int]
    _spent: int = 0
    _cutter: LineCutter = field(default_factory=LineCutter)
    _ready: list[LogLine] = field(default_factory=list)
    _begun_at: int | None = None
    """When the unended line began."""
    _full: bool = False
    _last: _Ring = field(init=False)
    _recent: _Ring = field(default_factory=lambda: _Ring(RECENT))

    def __post_init__(self) -> None:
        self._last = _Ring(self.cap // 2)

    def say(self, text: str) -> None:
        """Add lines of the runner's own."""
        self._ready += [LogLine(self.now(), line) for line in escaped_lines(text).split("\n")]

    def add(self, output: bytes) -> None:
        """Add output of the job."""
        self._recent.add(output)
        if self._full:
            self._last.add(output)
            return
        lines = self._cutter.feed(output)
        if lines or self._begun_at is None:
            self._begun_at = self.now() if self._cutter.unended else None
        self._keep(lines)

    def take(self) -> list[LogLine]:
        """Return the lines to store now, each once. An unended line is held back for a while."""
        if self._begun_at is not None and self.now() - self._begun_at >= UNENDED_PATIENCE:
            self._flush()
        ready, self._ready = self._ready, []
        return ready

    def end(self) -> list[LogLine]:
        """Return the remaining lines, once the job has ended."""
        self._flush()
        head = self.take()
        at = self.now()
        return head + [LogLine(at, text) for text in self._ending()]

    def recent(self) -> bytes:
        """The end of the unchanged output."""
        return self._recent.content()

    def _flush(self) -> None:
        self._begun_at = None
        if not self._full:
            self._keep(self._cutter.flush())

    def _keep(self, lines: list[bytes]) -> None:
        for index, line in enumerate(lines):
            kept = LogLine(self.now(), readable(line))
            if self._spent + kept.weight > self.cap // 2:
                self._overflow(lines[index:])
                return
            self._spent += kept.weight
            self._ready.append(kept)

    def _overflow(self, lines: list[bytes]) -> None:
        self._full = True
        self._last.add(b"".join([*lines, *self._cutter.flush()]))

    def _ending(self) -> list[str]:
        kept = list(self._newest_lines())
        left_out = self._last.seen - sum(len(line) for line in kept)
        texts = [readable(line) for line in reversed(kept)]
        return [f"[{left_out:,} bytes of output were left out here]", *texts] if left_out else texts

    def _newest_lines(self) -> Iterator[bytes]:
        """The last lines that still fit into the cap, newest first."""
        budget = self.cap // 2
        lines = split_lines(_last_lines(self._last.content(), budget // EVENT_OVERHEAD))
        first_is_cut = self._last.seen > sum(len(line) for line in lines)
        for line in reversed(lines[first_is_cut:]):
            budget -= LogLine(0, readable(line)).weight
            if budget < 0:
                return
            yield line


def _last_lines(output: bytes, count: int) -> bytes:
    """The last `count` lines of the output."""
    before, *rest = output.rsplit(b"\n", count + 1)
    return output[len(before) :] if len(rest) > count else output
