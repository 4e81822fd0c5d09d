"""Driver `lambda` as a decision sees it: what is asked of the steps function."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from deployer_service.domain.deployment.model import Deployment
from deployer_service.domain.deployment.step import Step
from deployer_service.domain.errors import DeployerError
from deployer_service.domain.messages import DeployComponentRequested, Direction
from penstock_shared.contracts.drivers.function import LambdaDeploy
from penstock_shared.contracts.event import EventData

PATIENCE = timedelta(minutes=30)
"""As long as the steps function may be tried again after it died: see its queue's settings."""


@dataclass(frozen=True)
class LambdaDriver:
    """Asks the steps function; see LambdaPerformer for what that does."""

    verifies: ClassVar[bool] = True

    def deploy(self, deployment: Deployment, step: Step) -> EventData:
        """The request to publish a version and to serve it."""
        return _request(deployment, step, Direction.DEPLOY)

    def roll_back(self, deployment: Deployment, step: Step) -> EventData:
        """The request to serve the version before again."""
        return _request(deployment, step, Direction.ROLLBACK)

    def patience(self, step: Step) -> timedelta:
        """The same for every function."""
        recipe_of(step)
        return PATIENCE

    def lingers(self, step: Step) -> timedelta:
        """Not at all: the steps function asks for its lease before each write."""
        recipe_of(step)
        return timedelta(0)


def recipe_of(step: Step) -> LambdaDeploy:
    """The recipe of a step. Raises DeployerError for one of another driver."""
    if not isinstance(step.recipe, LambdaDeploy):
        raise DeployerError(f"{step.name} is not deployed by the lambda driver")
    return step.recipe


def _request(deployment: Deployment, step: Step, direction: Direction) -> DeployComponentRequested:
    return DeployComponentRequested(
        deployment_id=deployment.id,
        component=step.name,
        direction=direction,
        token=deployment.token,
    )
