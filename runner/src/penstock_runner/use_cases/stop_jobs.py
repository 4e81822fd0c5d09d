"""Cancel the running jobs of a stopped flow, and tell runners of it."""

from dataclasses import dataclass

from penstock_runner.domain.stop import StopMark, mark, stop_key_of
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import FlowStopped
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.persistence.outbox import Records


@dataclass(frozen=True)
class StopJobs:
    """Leaves the mark that every runner with a job of this flow looks for."""

    records: Records[StopMark]

    def __call__(self, event: Event[FlowStopped], cause: Cause) -> Outcome[StopMark]:
        """Mark the flow as stopped. Doing so again changes nothing."""
        return self.records.change(
            stop_key_of(event.subject),
            cause,
            lambda current: mark(current, event.data),
            expect_new=True,
        )


@dataclass(frozen=True)
class FindStop:
    """Looks for that mark."""

    records: Records[StopMark]

    def __call__(self, flow_id: str) -> str | None:
        """Why the flow was stopped; None if it was not."""
        found = self.records.get(stop_key_of(flow_id))
        return found.reason if found else None
