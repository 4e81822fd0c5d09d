"""Does one step of a deployment, in the function that may take its time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from deployer_service.domain.deployment.model import Deployment
from deployer_service.domain.deployment.step import Step, StepResult, StepState
from deployer_service.domain.errors import LeaseLostError, StepFailedError
from deployer_service.domain.messages import DeployComponentRequested, Direction
from deployer_service.domain.ports import Performer
from deployer_service.use_cases.ledger import Ledger
from deployer_service.use_cases.record_result import RecordResults
from penstock_shared.contracts.event import Event
from penstock_shared.decisions import Cause, Outcome, Result


@dataclass(frozen=True)
class PerformStep:
    """Brings a component in or takes it back, and reports. `performers` by driver."""

    ledger: Ledger
    performers: Mapping[str, Performer]
    record_results: RecordResults

    def __call__(self, event: Event[DeployComponentRequested], cause: Cause) -> Outcome[Deployment]:
        """Do the step unless it is no longer wanted. Asked for again, it is done again: a
        performer finds what it did before.
        """
        request = event.data
        # Who died right after its report has left things undone: events to say, a lease to let go.
        deployment = self.ledger.deployments.resume(request.deployment_id)
        if deployment is None or not _wanted(deployment, request):
            self.ledger.follow_up(deployment, cause)
            return Outcome(Result.STALE, deployment, "the step is done, or no longer wanted")
        step = deployment.step(request.component)
        try:
            result = self._perform(deployment, step, request)
        except LeaseLostError as error:
            return Outcome(Result.STALE, deployment, str(error))
        return self.record_results(deployment.id, [result], cause)

    def give_up(
        self, request: DeployComponentRequested, reason: str, cause: Cause
    ) -> Outcome[Deployment]:
        """Nobody can do the step: it failed, so that the deployment lets go of its environment."""
        result = StepResult(
            component=request.component,
            direction=request.direction,
            succeeded=False,
            reason=f"nobody could do this step: {reason}",
        )
        return self.record_results(request.deployment_id, [result], cause)

    def _perform(
        self, deployment: Deployment, step: Step, request: DeployComponentRequested
    ) -> StepResult:
        performer = self.performers[step.driver]
        still_ours = partial(self._check, deployment, request)
        said = partial(StepResult, component=step.name, direction=request.direction)
        try:
            if request.direction is Direction.ROLLBACK:
                performer.roll_back(deployment, step, still_ours)
                return said(succeeded=True)
            done = performer.deploy(deployment, step, still_ours)
        except StepFailedError as error:
            return said(succeeded=False, reason=str(error))
        return said(succeeded=True, revision=done.revision, outputs=done.outputs)

    def _check(self, deployment: Deployment, request: DeployComponentRequested) -> None:
        """Raise LeaseLostError if the step was given up meanwhile, or the environment is another's.

        A step that was given up may be on its way back already, under the same token.
        """
        if deployment.exclusive and not self._held(deployment):
            raise LeaseLostError(
                f"{deployment.environment.name} is no longer held by {deployment.id} "
                f"under token {deployment.token}; nothing was written"
            )
        known = self.ledger.deployments.get(deployment.id)
        if known is None or not _wanted(known, request):
            raise LeaseLostError(f"{request.direction} of {request.component} was given up")

    def _held(self, deployment: Deployment) -> bool:
        place = self.ledger.environments.get(deployment.environment_key)
        return bool(place and place.held_by(deployment.id) and place.token == deployment.token)


def _wanted(deployment: Deployment, request: DeployComponentRequested) -> bool:
    step = deployment.step(request.component)
    state = step.state if request.direction is Direction.DEPLOY else step.undo
    return state is StepState.RUNNING and deployment.token == request.token
