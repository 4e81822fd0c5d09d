"""The flow was stopped: end its test run."""

from dataclasses import dataclass

from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import FlowStopped
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.jobs import test_run_key
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
        """Stop the run, once, and those of the environments that it knows of."""
        outcome = self._stop(event, event.subject, cause)
        remember_verdicts(self.plans, self.verdicts, outcome)
        for environment in outcome.record.environments if outcome.record else ():
            self._stop(event, test_run_key(event.subject, environment), cause)
        return outcome

    def _stop(self, event: Event[FlowStopped], key: str, cause: Cause) -> Outcome[TestRun]:
        return self.records.change(
            key, cause, lambda known: run.stop(event.subject, known, event.data.reason)
        )
