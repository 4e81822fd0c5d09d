"""A build job ended: remember its artifact, and complete or fail the build."""

from dataclasses import dataclass

from build_service.domain import build
from build_service.domain.build import Build, BuildState
from build_service.domain.planning import artifact_memo_key
from penstock_shared.contracts.jobs import JobResult, JobState
from penstock_shared.contracts.plan import PlannedComponent
from penstock_shared.decisions import Cause, Change, Decision, Outcome
from penstock_shared.persistence.memo import Memo
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import store_plan
from penstock_shared.storage import ObjectStore


@dataclass(frozen=True)
class RecordJob:
    """Takes a job's result into its build."""

    records: Records[Build]
    objects: ObjectStore
    artifacts: Memo

    def __call__(self, result: JobResult, cause: Cause) -> Outcome[Build]:
        """Take the result in, once."""

        def decide(known: Build | None) -> Decision[Build]:
            decision = build.job_finished(known, result)
            self._store_plan(decision)
            return decision

        outcome = self.records.change(result.record, cause, decide)
        if outcome.record and result.state is JobState.SUCCEEDED:
            self._remember(outcome.record, result)
        return outcome

    def _store_plan(self, decision: Decision[Build]) -> None:
        """Before the event that points at it can be said."""
        if not isinstance(decision, Change) or decision.record.plan is None:
            return
        if decision.record.state is BuildState.COMPLETED:
            store_plan(self.objects, decision.record.plan)

    def _remember(self, known: Build, result: JobResult) -> None:
        if known.plan is None or known.jobs.get(result.job_id) is not JobState.SUCCEEDED:
            return
        component = known.plan.component(result.component or "")
        self.artifacts.remember(artifact_memo_key(component), _answer(known.flow_id, component))


def _answer(flow_id: str, component: PlannedComponent) -> dict[str, object]:
    artifact = component.artifact.model_dump() if component.artifact else None
    return {"flow_id": flow_id, "artifact": artifact}
