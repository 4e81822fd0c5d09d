"""Keeps the first and the last part of a job's output, however much there is.

The first part can be stored as it comes. What follows goes round in memory, and the last of it is
stored when the job has ended, with a line that says how much was left out.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from penstock_runner.adapters.text import LineCutter, readable, split_lines

EVENT_OVERHEAD = 26
"""Bytes that CloudWatch Logs counts, and bills, for an event beside its text."""
UNENDED_PATIENCE = 10_000
"""Milliseconds for which a line waits for its end, so that it is stored as one event. A prompt, or
a progress bar, never ends its line and is shown after that."""
RECENT = 1 << 14
"""Bytes from which the tail of a job's result is made."""


@dataclass(frozen=True)
class LogLine:
    """One line, and when it was printed: milliseconds since the epoch."""

    at: int
    text: str

    @property
    def weight(self) -> int:
        """Bytes, as CloudWatch Logs counts them."""
        return len(self.text.encode()) + EVENT_OVERHEAD


@dataclass
class _Ring:
    """The last bytes of a stream; it may hold up to one piece more than `limit`."""

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
    """The output of one job. `cap` is what may be stored of it, in bytes as CloudWatch counts.

    Not safe for use by several threads at once.
    """

    cap: int
    now: Callable[[], int]
    _spent: int = 0
    _cutter: LineCutter = field(default_factory=LineCutter)
    _ready: list[LogLine] = field(default_factory=list)
    _begun_at: int | None = None
    """When the line that has not ended yet began."""
    _full: bool = False
    _last: _Ring = field(init=False)
    _recent: _Ring = field(default_factory=lambda: _Ring(RECENT))

    def __post_init__(self) -> None:
        self._last = _Ring(self.cap // 2)

    def say(self, text: str) -> None:
        """Add a line of the runner's own."""
        self._ready.append(LogLine(self.now(), text))

    def add(self, output: bytes) -> None:
        """Take in what the job printed."""
        self._recent.add(output)
        if self._full:
            self._last.add(output)
            return
        lines = self._cutter.feed(output)
        if lines or self._begun_at is None:
            self._begun_at = self.now() if self._cutter.unended else None
        self._keep(lines)

    def take(self) -> list[LogLine]:
        """The lines that are to be stored now, each once. One that has not ended waits a while."""
        if self._begun_at is not None and self.now() - self._begun_at >= UNENDED_PATIENCE:
            self._flush()
        ready, self._ready = self._ready, []
        return ready

    def end(self) -> list[LogLine]:
        """The lines that are to be stored at the end."""
        self._flush()
        head = self.take()
        at = self.now()
        return head + [LogLine(at, text) for text in self._ending()]

    def recent(self) -> bytes:
        """The end of the output as it came."""
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
        """As many of the last lines as may be stored, newest first."""
        budget = self.cap // 2
        lines = split_lines(_last_lines(self._last.content(), budget // EVENT_OVERHEAD))
        first_is_cut = self._last.seen > sum(len(line) for line in lines)
        for line in reversed(lines[first_is_cut:]):
            budget -= LogLine(0, readable(line)).weight
            if budget < 0:
                return
            yield line


def _last_lines(output: bytes, count: int) -> bytes:
    """The end of the output, without what lies before its last lines."""
    before, *rest = output.rsplit(b"\n", count + 1)
    return output[len(before) :] if len(rest) > count else output
