"""The flow was stopped: its gates no longer matter."""

from dataclasses import dataclass

from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import FlowStopped
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.persistence.outbox import Records
from test_runner_service.domain import run
from test_runner_service.domain.run import TestRun


@dataclass(frozen=True)
class StopRun:
    """Stops a run, or marks one that has not begun as never to begin."""

    records: Records[TestRun]

    def __call__(self, event: Event[FlowStopped], cause: Cause) -> Outcome[TestRun]:
        """Stop it, once."""
        return self.records.change(
            event.subject, cause, lambda known: run.stop(event.subject, known, event.data.reason)
        )
