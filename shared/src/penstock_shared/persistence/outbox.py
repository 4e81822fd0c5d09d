"""Changes of state with an exactly-once effect, from messages that arrive at least once.

A use case passes a pure function from a record to a decision. `Records.change` reads the record,
asks for the decision, and writes the new state *together with the events it causes* under a version
check; then it publishes those events and clears them. A process that dies in between loses nothing:
the next delivery of the same message finds the events still pending, and publishes them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Generic, Protocol, TypeVar

from penstock_shared.clock import Clock, utc_now
from penstock_shared.contracts.event import Event, EventData, make_event
from penstock_shared.decisions import Cause, Decision, Outcome, Record, Refusal, Result, Write
from penstock_shared.errors import ContentionError, VersionConflictError

WRITE_ATTEMPTS = 25
"""How often a writer that loses the version check reads again and retries. The busiest case is the
fan-in of many jobs; each lost attempt means that another writer won, so progress is certain."""


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Stored(Generic[R]):
    """A record with its version in the store. Version 0 is not written yet."""

    record: R
    version: int
    pending: tuple[Event[EventData], ...] = ()


class RecordStore(Protocol[R]):
    """A table of records. Every write is conditional on the version that was read."""

    def get(self, key: str) -> Stored[R] | None:
        """The record under this key, as of the last completed write."""
        ...

    def put(self, key: str, stored: Stored[R]) -> None:
        """Write version `stored.version` if the store holds the one before it.

        Raises VersionConflictError otherwise.
        """
        ...

    def clear(self, key: str, stored: Stored[R]) -> None:
        """Remove the pending events of this version. Does nothing if it is no longer current."""
        ...

    def due(self, now: datetime) -> Sequence[str]:
        """Keys of records whose deadline is past, or whose events have been pending too long."""
        ...

    def listed(self) -> Sequence[str]:
        """Keys of all records, if the store lists them. A new one may be missing for a moment."""
        ...


class Publisher(Protocol):
    """Publishes events on their topics and queues. Raises if any of them is not accepted."""

    def publish(self, events: Sequence[Event[EventData]]) -> None:
        """Publish the events; returns once all are accepted."""
        ...


@dataclass(frozen=True)
class Records(Generic[R]):
    """The records of one service: see the module's docstring."""

    store: RecordStore[R]
    publisher: Publisher
    source: str
    clock: Clock = field(default=utc_now)

    def change(
        self,
        key: str,
        cause: Cause,
        decide: Callable[[R | None], Decision[R]],
        *,
        expect_new: bool = False,
    ) -> Outcome[R]:
        """Carry out what `decide` decides for the record under `key`.

        `decide` may be called several times. It must be pure, except for idempotent writes of
        documents that the new state points at. `expect_new` saves a read if the record probably
        does not exist yet. Raises ContentionError if other writers keep winning.
        """
        stored = None if expect_new else self.store.get(key)
        for _ in range(WRITE_ATTEMPTS):
            decision = decide(stored.record if stored else None)
            if isinstance(decision, Refusal):
                return self._refuse(key, stored, decision)
            try:
                return self._apply(key, cause, stored, decision)
            except VersionConflictError:
                stored = self.store.get(key)
        raise ContentionError(f"{self.source}: record {key} kept changing; deliver again")

    def resume(self, key: str) -> R | None:
        """Publish the pending events of the record under `key`; returns the record."""
        stored = self.store.get(key)
        if stored:
            self._publish(key, stored)
        return stored.record if stored else None

    def listed(self) -> Sequence[str]:
        """The keys of all records, if their store lists them."""
        return self.store.listed()

    def get(self, key: str) -> R | None:
        """The record under `key`, or None."""
        stored = self.store.get(key)
        return stored.record if stored else None

    def _apply(
        self, key: str, cause: Cause, stored: Stored[R] | None, change: Write[R]
    ) -> Outcome[R]:
        before = stored.record if stored else None
        if before is not None and (step := _illegal_step(before, change)):
            return Outcome(Result.ILLEGAL, before, f"{key}: {step} is not a transition")
        carried = stored.pending if stored else ()
        pending = carried + tuple(self._wrap(data, cause) for data in change.says)
        written = Stored(change.record, stored.version + 1 if stored else 1, pending)
        self.store.put(key, written)
        self._publish(key, written)
        return Outcome(Result.APPLIED, change.record)

    def _refuse(self, key: str, stored: Stored[R] | None, refusal: Refusal) -> Outcome[R]:
        if stored:
            self._publish(key, stored)
        return Outcome(refusal.result, stored.record if stored else None, refusal.reason)

    def _publish(self, key: str, stored: Stored[R]) -> None:
        if stored.pending:
            self.publisher.publish(stored.pending)
            self.store.clear(key, stored)

    def _wrap(self, data: EventData, cause: Cause) -> Event[EventData]:
        return make_event(
            data,
            flow_id=cause.flow_id,
            source=self.source,
            time=self.clock(),
            traceparent=cause.traceparent,
            hop=cause.hop + data.advances,
        )


def _illegal_step(before: R, change: Write[R]) -> str:
    """The first transition of the change that is not allowed, or an empty text."""
    states = [record.state for record in (before, *change.by_way_of, change.record)]
    steps = (f"{a} -> {b}" for a, b in pairwise(states) if not before.allows(a, b))
    return next(steps, "")
