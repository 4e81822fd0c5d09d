"""Extends a job's lease while the runner works for the job, and detects when it must stop."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic
from types import TracebackType

from penstock_runner.domain.interruption import StopCause
from penstock_runner.domain.ports import Delivery, JobQueue
from penstock_runner.use_cases.lease import Lease
from penstock_shared.observability import Telemetry

FIRST_LOOK = 0.3
"""Seconds before a running job is announced. Most small checks end earlier, and cost no message,
write or read beside those of their lease."""
LOOK_EVERY = 0.5
"""Seconds between two checks whether the flow was stopped."""
BEATS_PER_TERM = 3
"""A lease is extended this often in its term, so two extensions may fail."""
StoppedBecause = Callable[[str], str | None]
"""Returns why the flow of this id was stopped; None if it was not."""


@dataclass
class LeaseKeeper:
    """A context manager around the work for one job, with a thread of the same lifetime.

    `announce` publishes that the job runs.
    """

    lease: Lease
    queue: JobQueue
    message: Delivery
    telemetry: Telemetry
    announce: Callable[[Lease], None]
    stopped_because: StoppedBecause
    _over: Event = field(default_factory=Event)
    _thread: Thread = field(init=False)

    def __enter__(self) -> "LeaseKeeper":
        self._thread = Thread(target=self._keep, name="lease-keeper", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        next_beat = monotonic() + self._beat
        if self._over.wait(min(FIRST_LOOK, self._beat)):
            return
        self._try(lambda: self.announce(self.lease), "could not announce the job")
        while not self._over.is_set():
            self._try(
                lambda: stop_if_unwanted(self.lease, self.stopped_because),
                "could not look whether the flow was stopped",
            )
            if monotonic() >= next_beat:
                next_beat = monotonic() + self._beat
                self._try(self._extend, "could not extend the lease")
            self._over.wait(min(LOOK_EVERY, max(0.0, next_beat - monotonic())))

    @property
    def _beat(self) -> float:
        return self.lease.term.total_seconds() / BEATS_PER_TERM

    def _extend(self) -> None:
        if self.lease.stop.has_run_out(monotonic()):
            self._over.set()
            return
        outcome = self.lease.extend()
        if not outcome.applied:
            self.lease.stop.give(StopCause.LEASE_LOST, outcome.reason)
            return
        self.queue.hide(self.message, visibility_of(self.lease))

    def _try(self, action: Callable[[], object], complaint: str) -> None:
        try:
            action()
        except Exception:
            # The next beat tries again; a lease that is not extended ends by itself.
            self.telemetry.logger.warning(complaint, exc_info=True)


def stop_if_unwanted(lease: Lease, stopped_because: StoppedBecause) -> None:
    """Order the job to stop if its flow was stopped, unless the job undoes that flow."""
    if lease.job.despite_stop:
        return
    reason = stopped_because(lease.cause.flow_id)
    if reason is not None:
        lease.stop.give(StopCause.CANCELLED, reason)


def visibility_of(lease: Lease) -> int:
    """Seconds for which the message of a leased job stays hidden: longer than the lease."""
    return int(lease.term.total_seconds()) + 1
