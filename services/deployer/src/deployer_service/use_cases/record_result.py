"""Components were deployed or taken back, by jobs or by the steps function."""

from collections.abc import Sequence
from dataclasses import dataclass

from deployer_service.domain.deployment.deadlines import finish_steps
from deployer_service.domain.deployment.model import Deployment
from deployer_service.domain.deployment.step import StepResult
from deployer_service.domain.messages import Direction
from deployer_service.use_cases.ledger import Ledger
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import JobFinished
from penstock_shared.contracts.jobs import JobResult, JobState
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.jobs import deployment_job_id
from penstock_shared.results import BelievedResults, none_believed


@dataclass(frozen=True)
class RecordResults:
    """Takes results of steps into their deployment."""

    ledger: Ledger

    def __call__(
        self, deployment_id: str, results: Sequence[StepResult], cause: Cause
    ) -> Outcome[Deployment]:
        """Take the results in, each once and all in one write, and go on from there."""
        outcome = self.ledger.deployments.change(
            deployment_id,
            cause,
            lambda known: finish_steps(known, results, self.ledger.context()),
        )
        self.ledger.follow_up(outcome.record, cause)
        return outcome


@dataclass(frozen=True)
class RecordJobs:
    """Takes the results of jobs into their deployment."""

    record: RecordResults
    believed: BelievedResults

    def __call__(self, events: Sequence[Event[JobFinished]], cause: Cause) -> Outcome[Deployment]:
        """Jobs of one deployment ended. A job's name is the direction it went in."""
        results = self._believed(events, cause.flow_id)
        if not results:
            return none_believed(events)
        return self.record(results[0].record, [_step_result(result) for result in results], cause)

    def give_up(self, event: Event[JobFinished], reason: str) -> Outcome[Deployment]:
        """Nobody can take the job's result in. The job has ended for certain, so its step failed,
        and its deployment goes back and lets go of its environment at once.
        """
        results = self._believed([event], event.subject)
        if not results:
            return none_believed([event])
        reason = f"nobody could take in how its job ended: {reason}"
        failed = {"succeeded": False, "reason": reason}
        given_up = [_step_result(result).model_copy(update=failed) for result in results]
        return self.record(results[0].record, given_up, Cause.of(event))

    def _believed(self, events: Sequence[Event[JobFinished]], flow_id: str) -> list[JobResult]:
        proven = self.believed.proven(events)
        return self.believed.all_but(proven, lambda result: _strangeness(flow_id, result))


def _strangeness(flow_id: str, result: JobResult) -> str:
    """Why the deployer cannot have asked for the job that ended like this; empty if it can."""
    component, direction = result.component or "", result.name
    if direction not in set(Direction):
        return f"the deployer asks for no jobs named {direction!r}"
    if result.job_id != deployment_job_id(flow_id, result.record, component, direction):
        return f"it is not the job of {component!r} in {result.record}"
    return "the jobs of deployments have no outputs" if result.outputs else ""


def _step_result(result: JobResult) -> StepResult:
    succeeded = result.state is JobState.SUCCEEDED
    return StepResult(
        component=result.component or "",
        direction=Direction(result.name),
        succeeded=succeeded,
        reason="" if succeeded else result.reason or result.how_it_ended(),
        job=result,
    )
