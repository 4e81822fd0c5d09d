"""Stops jobs, from any thread."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event, Lock

from penstock_runner.errors import JobInterruptedError


class StopCause(StrEnum):
    """Why a running job is stopped."""

    CANCELLED = "cancelled"
    LEASE_LOST = "lease lost"
    SHUTDOWN = "runner shuts down"


@dataclass(frozen=True)
class StopOrder:
    """An order to stop a job."""

    why: StopCause
    reason: str


@dataclass
class StopSignal:
    """Carries the stop order to one job; only the first order counts.

    `lease_ends` is the end of the lease on the monotonic clock, in seconds. Reaching it counts as
    an order to stop.
    """

    lease_ends: float = float("inf")
    order: StopOrder | None = None
    _listeners: list[Callable[[], None]] = field(default_factory=list)
    _holders: list[Callable[[float], None]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def give(self, why: StopCause, reason: str) -> None:
        """Order the job to stop; does nothing after the first time."""
        with self._lock:
            if self.order:
                return
            self.order = StopOrder(why, reason)
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` when the order is given, from any thread; immediately if it has been."""
        with self._lock:
            self._listeners.append(listener)
            given = self.order is not None
        if given:
            listener()

    def forget(self, listener: Callable[[], None]) -> None:
        """Remove this listener."""
        with self._lock:
            self._listeners.remove(listener)

    def hold_until(self, moment: float, now: float) -> None:
        """Move the end of the lease to `moment`, unless it has passed: no ended lease is revived.

        Both are times of the monotonic clock. A runner that was frozen beyond the end of its
        lease must not continue a job that the watchman has killed.
        """
        if self.has_run_out(now):
            return
        with self._lock:
            self.lease_ends = moment
            holders = list(self._holders)
        for holder in holders:
            holder(moment)

    @contextmanager
    def holding(self, holder: Callable[[float], None]) -> Iterator[None]:
        """Call `holder` with the end of the lease, now and whenever it moves, from any thread."""
        with self._lock:
            self._holders.append(holder)
        holder(self.lease_ends)
        try:
            yield
        finally:
            with self._lock:
                self._holders.remove(holder)

    def has_run_out(self, now: float) -> bool:
        """Whether the lease has ended at `now` on the monotonic clock. If so, orders the stop."""
        if now >= self.lease_ends:
            self.give(StopCause.LEASE_LOST, "the lease could not be extended in time")
            return True
        return False

    def check(self, now: float) -> None:
        """Raise JobInterruptedError if the job must stop. `now` is on the monotonic clock."""
        self.has_run_out(now)
        if self.order:
            raise JobInterruptedError(self.order.reason)


@dataclass
class Shutdown:
    """The shutdown of the runner: a stop order for every running job."""

    begun: Event = field(default_factory=Event)
    _signals: list[StopSignal] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def signal(self) -> Iterator[StopSignal]:
        """The stop signal of one job, while the runner works for it."""
        signal = StopSignal()
        with self._lock:
            self._signals.append(signal)
        try:
            if self.begun.is_set():
                self._tell(signal)
            yield signal
        finally:
            with self._lock:
                self._signals.remove(signal)

    def begin(self) -> None:
        """Stop all jobs, including any that start later."""
        self.begun.set()
        with self._lock:
            signals = list(self._signals)
        for signal in signals:
            self._tell(signal)

    def _tell(self, signal: StopSignal) -> None:
        signal.give(StopCause.SHUTDOWN, "the runner was told to stop")
