"""Ships a job's output to its log while the job runs.

The job's thread only adds output in memory. The log's own thread, started at the first output,
stores it, so a slow or absent CloudWatch Logs neither delays nor fails a job.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Protocol

from penstock_runner.adapters.capture import Capture, LogLine
from penstock_runner.adapters.log_stream import batches
from penstock_runner.adapters.text import tail_of
from penstock_runner.domain.masking import Mask
from penstock_runner.domain.results import LogReport
from penstock_shared.aws import errors
from penstock_shared.contracts.jobs import TAIL_CHARACTERS

INTERVAL = 0.4
"""Seconds between two deliveries, so that a line is visible within a second of its end."""
PAUSE = 2.0
"""Seconds without output after which a few held back characters are shown; see Mask."""
CLOSING_PATIENCE = 5.0
"""Seconds for which storing the log is retried after the job has ended."""


class LogSink(Protocol):
    """The destination of lines."""

    name: str

    def put(self, lines: Sequence[LogLine]) -> None:
        """Append lines that fit into one batch. Raises what boto3 raises."""
        ...


def milliseconds() -> int:
    """The time in milliseconds since the epoch, as CloudWatch Logs needs it."""
    return time.time_ns() // 1_000_000


@dataclass
class ShippedLog:
    """The log of one attempt. `cap` is in bytes; see Capture. `mask` is of its output."""

    sink: LogSink
    command: str
    cap: int
    mask: Mask | None = None
    _trouble: str = ""
    _unsent: list[LogLine] = field(default_factory=list)
    _closing: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)
    _thread: Thread | None = None
    _written_at: float = 0.0
    _capture: Capture = field(init=False)

    def __post_init__(self) -> None:
        self._capture = Capture(self.cap, milliseconds)

    def write(self, output: bytes) -> None:
        """Add output; never blocks on the network, never raises."""
        with self._lock:
            if not self._thread:
                self._capture.say(f"$ {self._shown_command()}")
            self._capture.add(self.mask.feed(output) if self.mask else output)
            self._written_at = time.monotonic()
        if not self._thread:
            self._thread = Thread(target=self._ship_all, name="log-shipper", daemon=True)
            self._thread.start()

    def close(self) -> LogReport:
        """Store the rest, within a few seconds, and report."""
        if not self._thread:
            return LogReport()
        self._closing.set()
        self._thread.join()
        tail = tail_of(self._capture.recent(), TAIL_CHARACTERS)
        return LogReport(self.sink.name, tail, self._trouble)

    def _ship_all(self) -> None:
        while not self._closing.is_set():
            self._ship(self._take())
            self._closing.wait(INTERVAL)
        give_up_at = time.monotonic() + CLOSING_PATIENCE
        last = self._end()
        while not self._ship(last) and time.monotonic() < give_up_at:
            last = []
            time.sleep(INTERVAL)

    def _shown_command(self) -> str:
        return self.mask.text(self.command) if self.mask else self.command

    def _take(self) -> list[LogLine]:
        with self._lock:
            if self.mask and time.monotonic() - self._written_at > PAUSE:
                self._capture.add(self.mask.release())
            return self._capture.take()

    def _end(self) -> list[LogLine]:
        with self._lock:
            if self.mask:
                self._capture.add(self.mask.end())
            return self._capture.end()

    def _ship(self, lines: list[LogLine]) -> bool:
        """Store the lines and any unsent ones; whether all are stored. The rest is kept."""
        self._unsent += lines
        for batch in list(batches(self._unsent)):
            try:
                self.sink.put(batch)
            except (errors.BotoCoreError, errors.ClientError) as error:
                self._trouble = f"{len(self._unsent)} lines of its log are not stored: {error}"
                return False
            del self._unsent[: len(batch)]
        self._trouble = ""
        return True
