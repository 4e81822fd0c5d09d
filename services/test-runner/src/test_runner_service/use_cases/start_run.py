"""The plan is ready: run its gates, except those that passed on the same inputs before."""

from dataclasses import dataclass
from functools import cache

from penstock_shared.clock import Clock
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import BuildCompleted
from penstock_shared.decisions import Cause, Decision, Outcome, Write, already_done
from penstock_shared.persistence.memo import Memo
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans
from penstock_shared.proofs import JobProofs
from test_runner_service.domain import run
from test_runner_service.domain.run import TestRun
from test_runner_service.domain.telling import with_known_verdicts
from test_runner_service.use_cases.verdicts import recall_verdicts


@dataclass(frozen=True)
class StartRun:
    """Turns a plan's gates into jobs."""

    records: Records[TestRun]
    plans: Plans
    verdicts: Memo
    proofs: JobProofs
    clock: Clock

    def __call__(self, event: Event[BuildCompleted], cause: Cause) -> Outcome[TestRun]:
        """Start the flow's test run, once."""
        prepare = cache(lambda: self._prepare(event.data))

        def decide(known: TestRun | None) -> Decision[TestRun]:
            return already_done(f"the test run has {known.state}") if known else prepare()

        return self.records.change(event.subject, cause, decide, expect_new=True)

    def _prepare(self, completed: BuildCompleted) -> Write[TestRun]:
        plan = self.plans.load(completed.flow.plan)
        recalled = recall_verdicts(self.verdicts, plan)
        begun = run.begin(completed.flow, plan, recalled, self.proofs, self.clock())
        return with_known_verdicts(begun)
