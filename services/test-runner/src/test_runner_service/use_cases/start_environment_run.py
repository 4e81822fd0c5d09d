"""An environment runs the release: run the gates that follow its deployment."""

from dataclasses import dataclass

from penstock_shared.clock import Clock
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import DeployDone
from penstock_shared.decisions import Cause, Decision, Outcome, already_done
from penstock_shared.jobs import test_run_key
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans
from penstock_shared.proofs import JobProofs
from test_runner_service.domain import run
from test_runner_service.domain.run import Recalled, TestRun


@dataclass(frozen=True)
class StartEnvironmentRun:
    """Turns the gates that follow a deployment into jobs. Nothing known answers them."""

    records: Records[TestRun]
    plans: Plans
    proofs: JobProofs
    clock: Clock

    def __call__(self, event: Event[DeployDone], cause: Cause) -> Outcome[TestRun]:
        """Start the run of this environment, once."""
        flow, environment = event.data.flow, event.data.environment

        def decide(known: TestRun | None) -> Decision[TestRun]:
            if known:
                return already_done(f"the test run has {known.state}")
            plan = self.plans.load(flow.plan)
            return run.begin(flow, plan, Recalled(), self.proofs, self.clock(), environment)

        key = test_run_key(event.subject, environment)
        return self.records.change(key, cause, decide, expect_new=True)
