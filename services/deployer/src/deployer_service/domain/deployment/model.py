"""The record of one deployment."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import ClassVar

from deployer_service.domain.deployment.step import Step
from deployer_service.domain.environment.history import Deployed
from deployer_service.domain.environment.model import Claim, environment_key
from penstock_shared.contracts.events import EnvironmentRole, FlowRef, Phase
from penstock_shared.contracts.jobs import Checkout
from penstock_shared.contracts.model import Moment
from penstock_shared.contracts.plan import EnvironmentMode, PlannedEnvironment, PlannedRelease
from penstock_shared.decisions import Cause, Record
from penstock_shared.jobs import output_variable

VERSION_DIGITS = 12
"""How much of a sha people are shown."""


class DeploymentState(StrEnum):
    """Where a deployment stands."""

    WAITING = "waiting"
    """for its environment"""
    DEPLOYING = "deploying"
    STOPPING = "stopping"
    """nothing new starts, what runs finishes"""
    DONE = "done"
    RECALLED = "recalled"
    """was done, its flow was stopped, waits for the environment to roll back"""
    ROLLING_BACK = "rolling-back"
    ROLLED_BACK = "rolled-back"
    SUPERSEDED = "superseded"
    STOPPED = "stopped"
    FAILED = "failed"
    """gave up: on waiting, or on a rollback that did not succeed"""


class Deployment(Record):
    """The deployment of one flow to one environment. Its id is `<flow_id>.<environment>`."""

    transitions: ClassVar[Mapping[DeploymentState, frozenset[DeploymentState]]] = {
        DeploymentState.WAITING: frozenset(
            {
                DeploymentState.DEPLOYING,
                DeploymentState.DONE,  # at once, where nothing changes
                DeploymentState.SUPERSEDED,
                DeploymentState.STOPPED,
                DeploymentState.FAILED,
            }
        ),
        DeploymentState.DEPLOYING: frozenset(
            {
                DeploymentState.DONE,
                DeploymentState.STOPPING,
                DeploymentState.ROLLING_BACK,
                DeploymentState.ROLLED_BACK,
                DeploymentState.FAILED,
            }
        ),
        DeploymentState.STOPPING: frozenset(
            {
                DeploymentState.ROLLING_BACK,
                DeploymentState.ROLLED_BACK,
                DeploymentState.FAILED,
            }
        ),
        DeploymentState.DONE: frozenset({DeploymentState.RECALLED}),
        DeploymentState.RECALLED: frozenset(
            {
                DeploymentState.ROLLING_BACK,
                DeploymentState.ROLLED_BACK,
                DeploymentState.FAILED,
            }
        ),
        DeploymentState.ROLLING_BACK: frozenset(
            {DeploymentState.ROLLED_BACK, DeploymentState.FAILED}
        ),
    }

    state: DeploymentState
    flow_id: str
    flow: FlowRef
    environment: PlannedEnvironment
    role: EnvironmentRole
    started_at: Moment
    traceparent: str
    hop: int = 0
    release: PlannedRelease | None = None
    """What the deployment is part of. None for one that was stopped before it began."""
    source: Checkout | None = None
    steps: tuple[Step, ...] = ()
    token: int = 0
    reason: str = ""

    @property
    def id(self) -> str:
        """The deployment's key."""
        return deployment_id(self.flow_id, self.environment.name)

    @property
    def environment_key(self) -> str:
        """The key of its environment's record."""
        return environment_key(self.flow.forge, self.flow.repository, self.environment.name)

    @property
    def staging_key(self) -> str | None:
        """For a production deployment, the key of the environment that its release came through."""
        staging = self.release.staging if self.release else None
        if staging is None or self.role is not EnvironmentRole.PRODUCTION:
            return None
        return environment_key(self.flow.forge, self.flow.repository, staging.name)

    @property
    def production_key(self) -> str | None:
        """For a staging deployment, the key of the environment that its release goes on to."""
        if self.release is None or self.role is not EnvironmentRole.STAGING:
            return None
        production = self.release.production.name
        return environment_key(self.flow.forge, self.flow.repository, production)

    @property
    def version(self) -> str:
        """What people call the version that it deploys."""
        return self.flow.sha[:VERSION_DIGITS]

    @property
    def phase(self) -> Phase:
        """The phase of the flow that this is."""
        production = self.role is EnvironmentRole.PRODUCTION
        return Phase.PRODUCTION if production else Phase.STAGING

    @property
    def exclusive(self) -> bool:
        """Whether it needs its environment for itself."""
        return self.environment.mode is not EnvironmentMode.PARALLEL

    @property
    def running(self) -> tuple[Step, ...]:
        """The steps that somebody is at."""
        return tuple(step for step in self.steps if step.running)

    @property
    def lasting(self) -> bool:
        """Whether what it leaves is good at once: nothing comes after it that could stop it."""
        return self.role is not EnvironmentRole.STAGING

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The number of each component's step; a deployment's steps keep their order for good."""
        return {step.name: number for number, step in enumerate(self.steps)}

    def step(self, name: str) -> Step:
        """The step of that component. Raises KeyError when there is none."""
        return self.steps[self.positions[name]]

    def with_steps(self, changed: Iterable[Step]) -> "Deployment":
        """The deployment with these steps in place of those of the same components."""
        steps = list(self.steps)
        for step in changed:
            steps[self.positions[step.name]] = step
        return self.model_copy(update={"steps": tuple(steps)})

    def becomes(self, state: DeploymentState, **changes: object) -> "Deployment":
        """The deployment in another state; no deadline unless one is given."""
        return self.model_copy(update={"deadline": None, "state": state, **changes})

    def claim(self, *, rollback: bool = False) -> Claim:
        """What it says to its environment."""
        return Claim(
            deployment_id=self.id,
            flow_id=self.flow_id,
            started_at=self.flow.started_at,
            rollback=rollback,
        )

    def cause(self) -> Cause:
        """What its events are the consequence of when another flow's message moves it on."""
        return Cause(self.flow_id, self.traceparent, self.hop)

    def deployed(
        self, step: Step, revision: str = "", outputs: Mapping[str, str] | None = None
    ) -> Deployed:
        """What a step leaves behind in its environment, once it has succeeded."""
        return Deployed(
            key=step.component.key,
            version=self.version,
            flow_id=self.flow_id,
            revision=revision,
            outputs=dict(outputs or {}),
            artifact=step.component.artifact,
            path=step.component.path,
            source=self._source_of(step),
            recipe=step.component.deploy,
            variables=self.variables(step),
        )

    def _source_of(self, step: Step) -> Checkout | None:
        if self.source is None:
            return None
        return self.source.model_copy(update={"inputs": step.component.inputs})

    def variables(self, step: Step) -> dict[str, str]:
        """The outputs of what a component depends on, as environment variables for its step."""
        return {
            output_variable(name, output): value
            for name in step.component.depends_on
            for output, value in _outputs(self.step(name)).items()
        }


def deployment_id(flow_id: str, environment: str) -> str:
    """The key of the deployment of a flow to an environment."""
    return f"{flow_id}.{environment}"


def _outputs(step: Step) -> dict[str, str]:
    return step.after.outputs if step.after else {}
