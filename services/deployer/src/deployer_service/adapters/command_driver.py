"""Driver `command`: anything that a runner can do, with a command of its own to undo it."""

from dataclasses import dataclass
from datetime import timedelta

from deployer_service.domain.deployment import Deployment, Step
from deployer_service.domain.errors import DeployerError
from deployer_service.domain.messages import Direction
from penstock_shared.contracts.event import EventData
from penstock_shared.contracts.events import JobRequested
from penstock_shared.contracts.plan import CommandDeploy, ObjectRef
from penstock_shared.jobs import DeploymentCommand, deployment_job

QUEUE_PATIENCE = timedelta(hours=1)
"""How long a job may wait for a free runner, on top of what it may run."""


@dataclass(frozen=True)
class CommandDriver:
    """Makes jobs."""

    def deploy(self, deployment: Deployment, step: Step) -> EventData:
        """The job that runs the deploy command."""
        artifact = step.component.artifact
        run = _recipe(step).run
        return self._job(deployment, step, Direction.DEPLOY, run, deployment.version, artifact)

    def roll_back(self, deployment: Deployment, step: Step) -> EventData | None:
        """The job that runs the rollback command, with the artifact of what it goes back to."""
        run = _recipe(step).rollback
        if not run:
            return None
        target = step.target
        version, artifact = (target.version, target.artifact) if target else ("", None)
        return self._job(deployment, step, Direction.ROLLBACK, run, version, artifact)

    def patience(self, step: Step) -> timedelta:
        """As long as the job may wait and run."""
        return QUEUE_PATIENCE + timedelta(seconds=_recipe(step).timeout)

    def _job(
        self,
        deployment: Deployment,
        step: Step,
        direction: Direction,
        run: str,
        version: str,
        artifact: ObjectRef | None,
    ) -> JobRequested:
        if deployment.source is None:
            raise DeployerError(f"deployment {deployment.id} has no source")
        command = DeploymentCommand(
            flow_id=deployment.flow_id,
            deployment_id=deployment.id,
            component=step.component,
            position=deployment.position(step.name),
            direction=direction,
            source=deployment.source,
            environment=deployment.environment.name,
            token=deployment.token,
            run=run,
            artifact=artifact,
            variables=_variables(deployment, step, version),
            timeout=_recipe(step).timeout,
            despite_stop=direction is Direction.ROLLBACK,
        )
        return JobRequested(job=deployment_job(command))


def _variables(deployment: Deployment, step: Step, version: str) -> dict[str, str]:
    return {
        **deployment.told(step),
        "PENSTOCK_ENVIRONMENT": deployment.environment.name,
        "PENSTOCK_STAGE": deployment.environment.stage,
        "PENSTOCK_COMPONENT": step.name,
        "PENSTOCK_VERSION": version,
    }


def _recipe(step: Step) -> CommandDeploy:
    if not isinstance(step.component.deploy, CommandDeploy):
        raise DeployerError(f"{step.name} is not deployed by a command")
    return step.component.deploy
