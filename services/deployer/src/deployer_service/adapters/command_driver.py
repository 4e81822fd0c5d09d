"""Driver `command`: anything that a runner can do, with a command of its own to undo it."""

import posixpath
from dataclasses import dataclass
from datetime import timedelta

from deployer_service.domain.deployment import Deployment, Step
from deployer_service.domain.errors import DeployerError
from deployer_service.domain.messages import Direction
from penstock_shared.contracts.event import EventData
from penstock_shared.contracts.events import JobRequested
from penstock_shared.contracts.jobs import Download, Job
from penstock_shared.contracts.plan import CommandDeploy, ObjectRef
from penstock_shared.identifiers import job_id_for
from penstock_shared.storage import ObjectStore

OWNER = "deployer"
QUEUE_PATIENCE = timedelta(hours=1)
"""How long a job may wait for a free runner, on top of what it may run."""
FOLDER = ".penstock"
"""Where a job finds its artifact, inside its component's folder."""


@dataclass(frozen=True)
class CommandDriver:
    """Makes jobs. They reach the bucket by presigned addresses only."""

    objects: ObjectStore

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
        if deployment.snapshot is None:
            raise DeployerError(f"deployment {deployment.id} has no source snapshot")
        path = posixpath.join(FOLDER, posixpath.basename(artifact.key)) if artifact else ""
        job = Job(
            job_id=job_id_for(deployment.flow_id, OWNER, deployment.id, step.name, direction),
            owner=OWNER,
            record=deployment.id,
            name=direction,
            component=step.name,
            run=run,
            workdir=step.component.path,
            source=self._download(deployment.snapshot, "."),
            inputs=self._inputs(artifact, posixpath.join(step.component.path, path)),
            environment=_environment(deployment, step, version, path),
            timeout=_recipe(step).timeout,
            despite_stop=direction is Direction.ROLLBACK,
        )
        return JobRequested(job=job)

    def _inputs(self, artifact: ObjectRef | None, path: str) -> tuple[Download, ...]:
        return (self._download(artifact, posixpath.normpath(path)),) if artifact else ()

    def _download(self, thing: ObjectRef, path: str) -> Download:
        digest = thing.sha256 or thing.key
        return Download(url=self.objects.url_to_get(thing.key), digest=digest, path=path)


def _environment(deployment: Deployment, step: Step, version: str, artifact: str) -> dict[str, str]:
    told = {
        **deployment.told(step),
        "PENSTOCK_ENVIRONMENT": deployment.environment.name,
        "PENSTOCK_STAGE": deployment.environment.stage,
        "PENSTOCK_COMPONENT": step.name,
        "PENSTOCK_VERSION": version,
    }
    return told | ({"PENSTOCK_ARTIFACT": artifact} if artifact else {})


def _recipe(step: Step) -> CommandDeploy:
    if not isinstance(step.component.deploy, CommandDeploy):
        raise DeployerError(f"{step.name} is not deployed by a command")
    return step.component.deploy
