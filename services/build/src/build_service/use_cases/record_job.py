"""Build jobs ended: remember their artifacts, and complete or fail the build."""

from collections.abc import Sequence
from dataclasses import dataclass

from build_service.domain import build
from build_service.domain.build import Build, is_of, job_of
from build_service.domain.planning import Answers, answer_of, artifact_memo_key, with_artifacts
from penstock_shared.clock import Clock
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import JobFinished
from penstock_shared.contracts.jobs import JobResult, JobState
from penstock_shared.contracts.plan import Plan
from penstock_shared.decisions import Cause, Decision, Outcome, Write, stale
from penstock_shared.persistence.memo import Memo
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans
from penstock_shared.results import BelievedResults, none_believed


@dataclass(frozen=True)
class RecordBuildJob:
    """Records the results of jobs in their build."""

    records: Records[Build]
    plans: Plans
    artifacts: Memo
    believed: BelievedResults
    clock: Clock

    def __call__(self, finished: Sequence[Event[JobFinished]], cause: Cause) -> Outcome[Build]:
        """Record the results of one build's jobs, each once, with one write."""
        proven = self.believed.proven(finished)
        if not proven:
            return none_believed(finished)
        remembered: Answers = {}
        believed: list[JobResult] | None = None

        def decide(known: Build | None) -> Decision[Build]:
            if known is None or known.plan is None:
                return stale(f"job {proven[0].job_id} is not of this build")
            nonlocal believed
            plan = self.plans.load(known.plan)
            if believed is None:
                believed = self.believed.planned(proven, lambda result: job_of(plan, result))
            decision = build.jobs_finished(
                known, plan, believed, self.believed.proofs, self.clock()
            )
            if not isinstance(decision, Write):
                return decision
            # Once the build is written, other services rely on these artifacts.
            self._remember(plan, believed, remembered)
            return self._complete(decision, plan, remembered)

        return self.records.change(proven[0].record, cause, decide)

    def _remember(self, plan: Plan, results: Sequence[JobResult], remembered: Answers) -> None:
        answers = {
            artifact_memo_key(plan.change, plan.components[result.position]): answer_of(
                plan.flow_id, result
            )
            for result in results
            if result.state is JobState.SUCCEEDED and is_of(plan, result)
        }
        if answers.keys() - remembered.keys():
            self.artifacts.remember(plan.trust, answers)
            remembered.update(answers)

    def _complete(self, decision: Write[Build], plan: Plan, remembered: Answers) -> Decision[Build]:
        """If everything is built, store the finished plan before the event that names it."""
        if not decision.record.ready:
            return decision
        keys = [
            artifact_memo_key(plan.change, component)
            for component in plan.components
            if component.built
        ]
        missing = [key for key in keys if key not in remembered]
        recall = self.artifacts.recall
        recalled = recall(plan.trust, missing, of_any_toolchain=True) if missing else {}
        artifacts = {**recalled, **remembered}
        finished = with_artifacts(plan, artifacts)
        return build.complete(decision.record, finished, self.plans.store(finished))
