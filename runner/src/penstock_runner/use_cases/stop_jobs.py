"""Marks stopped flows, so that runners cancel their jobs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from penstock_runner.domain.stop import StopMark, mark, stop_key_of
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import FlowStopped
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.persistence.outbox import Records

FRESH = 0.5
"""Seconds for which a runner relies on having found no mark."""
MOST_SEEN = 1000
"""The most flows whose state a runner caches."""


@dataclass(frozen=True)
class StopJobs:
    """Writes the mark that every runner with a job of this flow reads."""

    records: Records[StopMark]

    def __call__(self, event: Event[FlowStopped], cause: Cause) -> Outcome[StopMark]:
        """Mark the flow as stopped. Idempotent."""
        return self.records.change(
            stop_key_of(event.subject),
            cause,
            lambda current: mark(current, event.data),
            expect_new=True,
        )


@dataclass(frozen=True)
class FindStop:
    """Reads that mark: per flow at most once in half a second, however many of its jobs this runner
    has, and never again once it is found.
    """

    records: Records[StopMark]
    now: Callable[[], float] = monotonic
    _seen: dict[str, tuple[str | None, float]] = field(default_factory=dict)

    def __call__(self, flow_id: str) -> str | None:
        """Why the flow was stopped; None if it was not."""
        reason, seen_at = self._seen.get(flow_id, (None, -FRESH))
        if reason is None and self.now() - seen_at >= FRESH:
            found = self.records.get(stop_key_of(flow_id))
            reason = found.reason if found else None
            self._seen.pop(flow_id, None)
            self._seen[flow_id] = reason, self.now()
            self._forget()
        return reason

    def _forget(self) -> None:
        for flow_id in list(self._seen)[:-MOST_SEEN]:
            self._seen.pop(flow_id, None)
