"""Jobs of gates ended: read their reports, and pass, retry or fail the gates."""

from collections.abc import Sequence
from dataclasses import dataclass

from penstock_shared.clock import Clock
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import JobFinished
from penstock_shared.contracts.jobs import JobResult, JobState
from penstock_shared.contracts.plan import Plan, PlannedGate
from penstock_shared.decisions import Cause, Decision, Outcome, stale
from penstock_shared.jobs import COVERAGE
from penstock_shared.persistence.memo import Memo
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans
from penstock_shared.storage import ObjectStore
from test_runner_service.domain import run
from test_runner_service.domain.coverage import ReportError, shortfall
from test_runner_service.domain.run import TestRun
from test_runner_service.use_cases.verdicts import remember_verdicts


@dataclass(frozen=True)
class RecordGateJob:
    """Records the results of jobs in their run."""

    records: Records[TestRun]
    objects: ObjectStore
    plans: Plans
    verdicts: Memo
    clock: Clock

    def __call__(self, finished: Sequence[Event[JobFinished]], cause: Cause) -> Outcome[TestRun]:
        """Record the results of one run's jobs, each once, with one write."""
        results = [event.data.result for event in finished]
        judged: list[JobResult] = []

        def decide(known: TestRun | None) -> Decision[TestRun]:
            if known is None or known.flow is None:
                return stale(f"job {results[0].job_id} is not of this run")
            plan = self.plans.load(known.flow.plan)
            judged[:] = judged or [self._judge(plan, result) for result in results]
            return run.jobs_finished(known, plan, judged, self.clock())

        outcome = self.records.change(results[0].record, cause, decide)
        remember_verdicts(self.plans, self.verdicts, outcome)
        return outcome

    def _judge(self, plan: Plan, result: JobResult) -> JobResult:
        """The result of the gate. A command can succeed while its coverage is too low."""
        gate = plan.gates[result.position] if result.position < len(plan.gates) else None
        if gate is None or gate.coverage is None or result.state is not JobState.SUCCEEDED:
            return result
        try:
            reason = shortfall(self._report(result, gate), gate.coverage)
        except ReportError as error:
            reason = str(error)
        failed = {"state": JobState.FAILED, "reason": reason}
        return result.model_copy(update=failed) if reason else result

    def _report(self, result: JobResult, gate: PlannedGate) -> bytes:
        for output in result.outputs:
            if output.name == COVERAGE:
                return self.objects.get(output.key)
        name = gate.coverage.report if gate.coverage else ""
        raise ReportError(f"the gate left no coverage report {name}")
