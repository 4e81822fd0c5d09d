"""A component was deployed or taken back, by a job or by the steps function."""

from dataclasses import dataclass

from deployer_service.domain.deadlines import finish_step
from deployer_service.domain.deployment import Deployment, StepResult
from deployer_service.domain.messages import Direction
from deployer_service.use_cases.ledger import Ledger
from penstock_shared.contracts.jobs import JobResult, JobState
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.errors import RefusedMessageError


@dataclass(frozen=True)
class RecordResult:
    """Takes the result of a step into its deployment."""

    ledger: Ledger

    def of_job(self, result: JobResult, cause: Cause) -> Outcome[Deployment]:
        """A job of ours ended. Its name is the direction it went in.

        Raises RefusedMessageError for a job that the deployer never asks for.
        """
        if result.name not in set(Direction):
            raise RefusedMessageError(f"the deployer asks for no jobs named {result.name!r}")
        succeeded = result.state is JobState.SUCCEEDED
        step = StepResult(
            component=result.component or "",
            direction=Direction(result.name),
            succeeded=succeeded,
            reason="" if succeeded else result.how_it_ended(),
            job=result,
        )
        return self(result.record, step, cause)

    def __call__(self, deployment_id: str, result: StepResult, cause: Cause) -> Outcome[Deployment]:
        """Take the result in, once, and go on from there."""
        outcome = self.ledger.deployments.change(
            deployment_id,
            cause,
            lambda known: finish_step(known, result, self.ledger.means()),
        )
        self.ledger.follow_up(outcome.record, cause)
        return outcome
