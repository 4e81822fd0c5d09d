"""Jobs of gates ended: read their reports, and pass, retry or fail the gates."""

from collections.abc import Sequence
from dataclasses import dataclass

from penstock_shared.clock import Clock
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import JobFinished
from penstock_shared.contracts.jobs import JobResult, JobState
from penstock_shared.contracts.plan import Plan, PlannedGate, ReportKind
from penstock_shared.decisions import Cause, Decision, Outcome, stale
from penstock_shared.jobs import report_name
from penstock_shared.persistence.memo import Memo
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans
from penstock_shared.results import BelievedResults, none_believed
from penstock_shared.storage import ObjectStore, OtherContentError
from test_runner_service.domain import run
from test_runner_service.domain.coverage import ReportError, refuse_large, shortfall
from test_runner_service.domain.run import TestRun
from test_runner_service.domain.telling import with_verdicts
from test_runner_service.use_cases.verdicts import remember_verdicts


@dataclass(frozen=True)
class RecordGateJob:
    """Records the results of jobs in their run."""

    records: Records[TestRun]
    objects: ObjectStore
    plans: Plans
    verdicts: Memo
    believed: BelievedResults
    clock: Clock

    def __call__(self, finished: Sequence[Event[JobFinished]], cause: Cause) -> Outcome[TestRun]:
        """Record the results of one run's jobs, each once, with one write."""
        proven = self.believed.proven(finished)
        if not proven:
            return none_believed(finished)
        judged: list[JobResult] | None = None

        def decide(known: TestRun | None) -> Decision[TestRun]:
            nonlocal judged
            if known is None or known.flow is None:
                return stale(f"job {proven[0].job_id} is not of this run")
            plan = self.plans.load(known.flow.plan)
            if judged is None:
                judged = self._judged(known, plan, proven)
            decision = run.jobs_finished(known, plan, judged, self.believed.proofs, self.clock())
            return with_verdicts(decision, known, plan, judged)

        outcome = self.records.change(proven[0].record, cause, decide)
        remember_verdicts(self.plans, self.verdicts, outcome)
        return outcome

    def _judged(self, known: TestRun, plan: Plan, results: Sequence[JobResult]) -> list[JobResult]:
        planned = self.believed.planned(results, lambda result: run.job_of(known, plan, result))
        return [
            self._judge(plan.gates[result.position], result)
            if run.is_of(known, plan, result)
            else result
            for result in planned
        ]

    def _judge(self, gate: PlannedGate, result: JobResult) -> JobResult:
        """The result of the gate. A command can succeed while its coverage is too low."""
        if gate.minimums.coverage is None or result.state is not JobState.SUCCEEDED:
            return result
        try:
            reason = self._shortfall(result, gate, gate.minimums.coverage)
        except (ReportError, OtherContentError) as error:
            reason = str(error)
        failed = {"state": JobState.FAILED, "reason": reason}
        return result.model_copy(update=failed) if reason else result

    def _shortfall(self, result: JobResult, gate: PlannedGate, minimum: float) -> str:
        for number, report in enumerate(gate.reports):
            if report.kind is ReportKind.COBERTURA:
                content = self._report(result, report_name(number), report.path)
                return shortfall(content, report.path, minimum)
        raise ReportError("the gate has a minimum of coverage and no coverage report")

    def _report(self, result: JobResult, name: str, path: str) -> bytes:
        for output in result.outputs:
            if output.name == name:
                refuse_large(output.size, path)
                return self.objects.get_verified(output.key, output.sha256)
        raise ReportError(f"the gate left no coverage report {path}")
