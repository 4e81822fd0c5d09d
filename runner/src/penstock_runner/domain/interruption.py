"""Telling a job that it must end, from whichever thread finds out first."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event, Lock

from penstock_runner.errors import JobInterruptedError


class Why(StrEnum):
    """Why a running job is stopped."""

    CANCELLED = "cancelled"
    LEASE_LOST = "lease lost"
    SHUTDOWN = "runner shuts down"


@dataclass(frozen=True)
class StopOrder:
    """The order to stop."""

    why: Why
    reason: str


@dataclass
class StopSignal:
    """The stop order of one job: the first one given counts.

    `lease_ends` is when, on the monotonic clock in seconds, the job is nobody's any more unless
    the lease is extended before: whoever works for the job treats that moment as an order.
    """

    lease_ends: float = float("inf")
    order: StopOrder | None = None
    _listeners: list[Callable[[], None]] = field(default_factory=list)
    _holders: list[Callable[[float], None]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def give(self, why: Why, reason: str) -> None:
        """Order the job to stop; does nothing if that was done before."""
        with self._lock:
            if self.order:
                return
            self.order = StopOrder(why, reason)
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Have `listener` called, from any thread, once the order is given; at once if it is."""
        with self._lock:
            self._listeners.append(listener)
            given = self.order is not None
        if given:
            listener()

    def forget(self, listener: Callable[[], None]) -> None:
        """Call this listener no more."""
        with self._lock:
            self._listeners.remove(listener)

    def hold_until(self, moment: float, now: float) -> None:
        """Move the end of the lease, unless it has passed: an ended lease is not revived.

        Both are times of the monotonic clock. A runner that was frozen beyond the end of its
        lease would else take up again what the watchman has ended.
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
        """Have `holder` called, from any thread, with the end of the lease: now, and when it
        moves.
        """
        with self._lock:
            self._holders.append(holder)
        holder(self.lease_ends)
        try:
            yield
        finally:
            with self._lock:
                self._holders.remove(holder)

    def has_run_out(self, now: float) -> bool:
        """Whether the lease has ended at that time of the monotonic clock, which is an order."""
        if now >= self.lease_ends:
            self.give(Why.LEASE_LOST, "the lease could not be extended in time")
            return True
        return False

    def check(self, now: float) -> None:
        """Raise JobInterruptedError if the job must stop. `now` is the monotonic clock's time."""
        self.has_run_out(now)
        if self.order:
            raise JobInterruptedError(self.order.reason)


@dataclass
class Shutdown:
    """The end of the runner itself, as the stop order of every job that runs then."""

    begun: Event = field(default_factory=Event)
    _signals: list[StopSignal] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def signal(self) -> Iterator[StopSignal]:
        """The stop signal of one job, for as long as the runner works for that job."""
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
        """Stop all jobs, those to come included."""
        self.begun.set()
        with self._lock:
            signals = list(self._signals)
        for signal in signals:
            self._tell(signal)

    def _tell(self, signal: StopSignal) -> None:
        signal.give(Why.SHUTDOWN, "the runner was told to stop")
