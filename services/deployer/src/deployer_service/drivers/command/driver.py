"""Driver `command`: anything that a runner can do, with a command of its own to undo it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from deployer_service.domain.deployment.model import Deployment
from deployer_service.domain.deployment.step import Step
from deployer_service.domain.environment.history import Deployed
from deployer_service.domain.errors import DeployerError
from deployer_service.domain.messages import Direction
from deployer_service.domain.ports import NoWayBack, RequestJob
from penstock_shared.contracts.drivers.command import CommandDeploy
from penstock_shared.contracts.event import EventData
from penstock_shared.contracts.jobs import Job
from penstock_shared.jobs import DeploymentCommand, deployment_job

QUEUE_PATIENCE = timedelta(hours=1)
"""How long a job may wait for a free runner, on top of what it may run."""
LEASE_MARGIN = timedelta(minutes=5)
"""More than a runner's lease: a job whose flow was stopped is over by its timeout and this."""


@dataclass(frozen=True)
class CommandDriver:
    """Makes jobs, and their requests with `request`. A command succeeds by its exit code alone;
    nobody looks at what it left.
    """

    verifies: ClassVar[bool] = False
    request: RequestJob

    def deploy(self, deployment: Deployment, step: Step) -> EventData:
        """The job that runs the deploy command."""
        recipe = _recipe(step)
        job = _job(deployment, step, Direction.DEPLOY, recipe, deployment.deployed(step))
        return self.request(deployment.flow_id, job)

    def roll_back(self, deployment: Deployment, step: Step) -> EventData | NoWayBack:
        """The job that runs the rollback command of the version to go back to, in that version's
        source. Where nothing ran before, the rollback command of the version that is undone, in
        its own source and without a version: it is to take the component out.
        """
        version = step.target or _taken_out(deployment, step)
        recipe = version.recipe
        if recipe is None or version.source is None:
            return NoWayBack(f"the source and recipe of {version.version} were not kept")
        if not isinstance(recipe, CommandDeploy) or not recipe.rollback:
            whose = f"{version.version}, which ran before," if step.target else "it"
            return NoWayBack(f"{whose} has no rollback command")
        job = _job(deployment, step, Direction.ROLLBACK, recipe, version)
        return self.request(deployment.flow_id, job)

    def patience(self, step: Step) -> timedelta:
        """As long as the job may wait and run."""
        return QUEUE_PATIENCE + timedelta(seconds=_recipe(step).timeout)

    def lingers(self, step: Step) -> timedelta:
        """As long as a job that its runner has begun may run, and its lease lasts."""
        return timedelta(seconds=_recipe(step).timeout) + LEASE_MARGIN


def _taken_out(deployment: Deployment, step: Step) -> Deployed:
    return deployment.deployed(step).model_copy(update={"version": "", "artifact": None})


def _job(
    deployment: Deployment,
    step: Step,
    direction: Direction,
    recipe: CommandDeploy,
    version: Deployed,
) -> Job:
    """The job of the recipe's command. Its secrets are the recipe's own too: an earlier version is
    rolled back to with what its own file named.
    """
    if version.source is None:
        raise DeployerError(f"deployment {deployment.id} has no source")
    command = DeploymentCommand(
        flow_id=deployment.flow_id,
        trust=deployment.flow.trust,
        deployment_id=deployment.id,
        component=step.component.model_copy(update={"path": version.path}),
        position=deployment.positions[step.name],
        direction=direction,
        source=version.source,
        environment=deployment.environment.name,
        token=deployment.token,
        run=recipe.rollback if direction is Direction.ROLLBACK else recipe.run,
        artifact=version.artifact,
        variables={
            **recipe.env,
            **version.variables,
            "PENSTOCK_ENVIRONMENT": deployment.environment.name,
            "PENSTOCK_STAGE": deployment.environment.stage,
            "PENSTOCK_COMPONENT": step.name,
            "PENSTOCK_VERSION": version.version,
        },
        secrets=recipe.secrets,
        timeout=_recipe(step).timeout,
        despite_stop=direction is Direction.ROLLBACK,
    )
    return deployment_job(command)


def _recipe(step: Step) -> CommandDeploy:
    if not isinstance(step.recipe, CommandDeploy):
        raise DeployerError(f"{step.name} is not deployed by a command")
    return step.recipe
