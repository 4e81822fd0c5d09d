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
from penstock_shared.errors import RefusedMessageError


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

    def __call__(self, events: Sequence[Event[JobFinished]], cause: Cause) -> Outcome[Deployment]:
        """Jobs of one deployment ended. A job's name is the direction it went in.

        Raises RefusedMessageError for a job that the deployer never asks for.
        """
        results = [event.data.result for event in events]
        return self.record(results[0].record, [_step_result(result) for result in results], cause)

    def give_up(self, finished: JobFinished, reason: str, cause: Cause) -> Outcome[Deployment]:
        """Nobody can take the job's result in. The job has ended for certain, so its step failed,
        and its deployment goes back and lets go of its environment at once.

        Raises RefusedMessageError for a job that the deployer never asks for.
        """
        reason = f"nobody could take in how its job ended: {reason}"
        known = _step_result(finished.result)
        given_up = known.model_copy(update={"succeeded": False, "reason": reason})
        return self.record(finished.result.record, [given_up], cause)


def _step_result(result: JobResult) -> StepResult:
    if result.name not in set(Direction):
        raise RefusedMessageError(f"the deployer asks for no jobs named {result.name!r}")
    succeeded = result.state is JobState.SUCCEEDED
    return StepResult(
        component=result.component or "",
        direction=Direction(result.name),
        succeeded=succeeded,
        reason="" if succeeded else result.how_it_ended(),
        job=result,
    )
