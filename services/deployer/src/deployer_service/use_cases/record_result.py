"""Components were deployed or taken back, by jobs or by the steps function."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from deployer_service.domain.deadlines import finish_step
from deployer_service.domain.deployment import Deployment, StepResult
from deployer_service.domain.messages import Direction
from deployer_service.domain.ports import Means
from deployer_service.use_cases.ledger import Ledger
from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import JobFinished
from penstock_shared.contracts.jobs import JobResult, JobState
from penstock_shared.decisions import Cause, Decision, Outcome, in_turn
from penstock_shared.errors import RefusedMessageError


@dataclass(frozen=True)
class RecordResults:
    """Takes results of steps into their deployment."""

    ledger: Ledger

    def __call__(
        self, deployment_id: str, results: Sequence[StepResult], cause: Cause
    ) -> Outcome[Deployment]:
        """Take the results in, each once and all in one write, and go on from there."""

        def decide(known: Deployment | None) -> Decision[Deployment]:
            means = self.ledger.means()
            return in_turn(known, [partial(_finish, result, means) for result in results])

        outcome = self.ledger.deployments.change(deployment_id, cause, decide)
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


def _finish(result: StepResult, means: Means, known: Deployment | None) -> Decision[Deployment]:
    return finish_step(known, result, means)
