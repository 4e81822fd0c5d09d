"""A gate's job ended: read its reports, and pass, retry or fail the gate."""

from dataclasses import dataclass

from penstock_shared.contracts.jobs import Job, JobResult, JobState
from penstock_shared.contracts.plan import PlannedGate
from penstock_shared.decisions import Cause, Decision, Outcome
from penstock_shared.jobs import COVERAGE, gate_job
from penstock_shared.persistence.memo import Memo
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import load_plan
from penstock_shared.storage import ObjectStore
from test_runner_service.domain import run
from test_runner_service.domain.coverage import ReportError, shortfall
from test_runner_service.domain.run import TestRun
from test_runner_service.use_cases.start_run import verdict_key


@dataclass(frozen=True)
class RecordJob:
    """Takes a job's result into its run."""

    records: Records[TestRun]
    objects: ObjectStore
    verdicts: Memo

    def __call__(self, result: JobResult, cause: Cause) -> Outcome[TestRun]:
        """Take the result in, once. A gate that passed on its first try is remembered."""
        judged = result

        def decide(known: TestRun | None) -> Decision[TestRun]:
            nonlocal judged
            judged = self._judge(known, result)
            return run.job_finished(known, judged, self._again(known, judged))

        outcome = self.records.change(result.record, cause, decide)
        if outcome.record and judged.state is JobState.SUCCEEDED:
            self._remember(outcome.record, judged)
        return outcome

    def _judge(self, known: TestRun | None, result: JobResult) -> JobResult:
        """The result as the gate sees it: a command may succeed and its coverage not suffice."""
        gate = known.gates.get(result.job_id) if known else None
        if gate is None or gate.gate.coverage is None or result.state is not JobState.SUCCEEDED:
            return result
        try:
            reason = shortfall(self._report(result, gate.gate), gate.gate.coverage)
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

    def _again(self, known: TestRun | None, result: JobResult) -> Job | None:
        if known is None or known.flow is None or not run.may_retry(known, result):
            return None
        plan = load_plan(self.objects, known.flow.plan)
        return gate_job(plan, result.position, known.gates[result.job_id].tried + 1)

    def _remember(self, known: TestRun, result: JobResult) -> None:
        gate = known.gates.get(result.job_id)
        if gate and gate.state is JobState.SUCCEEDED and gate.tried == 1:
            self.verdicts.remember(verdict_key(gate.gate), {"flow_id": known.flow_id})
