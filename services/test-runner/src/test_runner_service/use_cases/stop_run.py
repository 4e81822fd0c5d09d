"""The flow was stopped: end its test run."""

from dataclasses import dataclass

from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import FlowStopped
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.persistence.memo import Memo
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans
from test_runner_service.domain import run
from test_runner_service.domain.run import TestRun
from test_runner_service.use_cases.verdicts import remember_verdicts


@dataclass(frozen=True)
class StopRun:
    """Stops a run. A run that does not exist yet is marked, so that it never starts."""

    records: Records[TestRun]
    plans: Plans
    verdicts: Memo

    def __call__(self, event: Event[FlowStopped], cause: Cause) -> Outcome[TestRun]:
        """Stop the run, once."""
        outcome = self.records.change(
            event.subject, cause, lambda known: run.stop(event.subject, known, event.data.reason)
        )
        remember_verdicts(self.plans, self.verdicts, outcome)
        return outcome
