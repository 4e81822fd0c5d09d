"""The runner's process: slots that each work on one job at a time, until a signal comes."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Semaphore, Thread
from time import monotonic
from types import FrameType

from penstock_runner.adapters.queue import SqsJobQueue
from penstock_runner.domain.interruption import Shutdown
from penstock_runner.domain.ports import Delivery
from penstock_shared.observability import Telemetry

SHUTDOWN_PATIENCE = 8.0
"""Seconds that slots get to stop their jobs and release their leases; see GRACE in the shell."""
ECHO_PATIENCE = 1.0
"""Seconds that idle slots get after a busy one has released its job: their polls may receive the
message of that job, and must return it."""
OUTAGE_PAUSE = 0.5
"""Seconds before the next poll of a queue that boto3, with its retries, could not reach."""


@dataclass
class Agent:
    """Receives messages, hides them for `hidden_for` seconds, and passes them to `handle`.

    After each message, `tidy_up` is called for what should delay no job.
    """

    queue: SqsJobQueue
    handle: Callable[[Delivery], None]
    shutdown: Shutdown
    telemetry: Telemetry
    slots: int
    hidden_for: int
    tidy_up: Callable[[], None]
    _busy: set[str] = field(default_factory=set)
    _ended: Semaphore = field(default_factory=lambda: Semaphore(0))

    def run(self) -> None:
        """Work until SIGTERM or SIGINT. Must be called in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._begin_shutdown)
        for index in range(self.slots):
            name = f"slot-{index + 1}"
            Thread(target=self._work, args=(name,), name=name, daemon=True).start()
        self.shutdown.begun.wait()
        self.shutdown.begin()
        self._wait_for_slots()

    def _begin_shutdown(self, _number: int, _frame: FrameType | None) -> None:
        # Nothing else here: the interrupted code may hold any lock.
        self.shutdown.begun.set()

    def _wait_for_slots(self) -> None:
        """Wait for busy slots only: an idle one may poll the queue for many seconds more."""
        echo = ECHO_PATIENCE if self._busy else 0.0
        until = monotonic() + SHUTDOWN_PATIENCE
        for _ in range(self.slots):
            patience = max(0.0, until - monotonic()) if self._busy else echo
            if not self._ended.acquire(timeout=patience):
                return

    def _work(self, name: str) -> None:
        while not self.shutdown.begun.is_set():
            try:
                self._work_once(name)
            except Exception:
                # A received message becomes visible again when its timeout ends.
                self.telemetry.logger.exception("could not handle a message")
                self.shutdown.begun.wait(OUTAGE_PAUSE)
        self._ended.release()

    def _work_once(self, name: str) -> None:
        message = self.queue.receive(self.hidden_for)
        if message is None:
            return
        self._busy.add(name)
        try:
            if self.shutdown.begun.is_set():
                self.queue.hide(message, 0)
            else:
                self.handle(message)
        finally:
            self._busy.discard(name)
            self.tidy_up()
