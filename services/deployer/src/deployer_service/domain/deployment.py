"""A deployment: the components of one flow on their way into one environment, and maybe back."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from deployer_service.domain.environment import Claim, Deployed, environment_key
from deployer_service.domain.flow import Destination
from deployer_service.domain.messages import Direction
from penstock_shared.contracts.events import DeployedComponent, EnvironmentRole, FlowRef, Stage
from penstock_shared.contracts.jobs import Checkout, JobResult
from penstock_shared.contracts.model import Contract, Moment
from penstock_shared.contracts.plan import (
    EnvironmentMode,
    Plan,
    PlannedComponent,
    PlannedEnvironment,
)
from penstock_shared.decisions import Cause, Record
from penstock_shared.jobs import checkout_of

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


class StepState(StrEnum):
    """Where one component stands, on its way in (`state`) or back (`undo`)."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


UNDER_WAY = frozenset({StepState.WAITING, StepState.RUNNING})
ARRIVED = frozenset({StepState.SUCCEEDED, StepState.SKIPPED})


class Step(Contract):
    """One component of a deployment.

    `before` is what the environment ran when the deployment began, `after` what this step left.
    `undo` is None unless a rollback concerns the step, and `target` is what that goes back to.
    """

    component: PlannedComponent
    state: StepState = StepState.WAITING
    before: Deployed | None = None
    after: Deployed | None = None
    undo: StepState | None = None
    target: Deployed | None = None
    reason: str = ""
    deadline: Moment | None = None
    """While the step runs: when nobody waits for it any longer."""

    @property
    def name(self) -> str:
        """The component's name."""
        return self.component.name

    @property
    def driver(self) -> str:
        """The name of the driver that deploys it."""
        return self.component.deploy.driver if self.component.deploy else ""

    @property
    def running(self) -> bool:
        """Whether somebody is at it, in either direction."""
        return StepState.RUNNING in (self.state, self.undo)

    @property
    def runs(self) -> Deployed | None:
        """What the environment runs of this component as far as this deployment knows."""
        if self.undo is not None:
            return self.target
        return self.after or self.before

    def describe(self, *, moved: bool) -> DeployedComponent:
        """What people are told of it; `moved`: whether the deployment has just changed it."""
        runs = self.runs
        return DeployedComponent(
            name=self.name,
            version=runs.version if runs else "",
            deployed=moved,
            reason=self.reason,
        )

    def now(self, **changes: object) -> "Step":
        """The step with these fields changed."""
        return self.model_copy(update=changes)


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
    staging: str = ""
    """For a production deployment, the staging environment that its release came through."""
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
    def version(self) -> str:
        """What people call the version that it deploys."""
        return self.flow.sha[:VERSION_DIGITS]

    @property
    def stage(self) -> Stage:
        """The stage of the flow that this is."""
        production = self.role is EnvironmentRole.PRODUCTION
        return Stage.PRODUCTION if production else Stage.STAGING

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

    def position(self, name: str) -> int:
        """The number of the step of that component."""
        return self.steps.index(self.step(name))

    def step(self, name: str) -> Step:
        """The step of that component. Raises KeyError when there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def with_steps(self, changed: Iterable[Step]) -> "Deployment":
        """The deployment with these steps in place of those of the same components."""
        by_name = {step.name: step for step in changed}
        steps = tuple(by_name.get(step.name, step) for step in self.steps)
        return self.model_copy(update={"steps": steps})

    def becomes(self, state: DeploymentState, **changes: object) -> "Deployment":
        """The deployment in another state; it waits for nothing unless told so."""
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

    def told(self, step: Step) -> dict[str, str]:
        """What a component is told of those it depends on, as environment variables."""
        return {
            f"{_variable(name)}_{output}": value
            for name in step.component.depends_on
            for output, value in _outputs(self.step(name)).items()
        }


class StepResult(Contract):
    """How a step ended. `job` is there when a job did it."""

    component: str
    direction: Direction
    succeeded: bool
    revision: str = ""
    outputs: dict[str, str] = {}
    reason: str = ""
    job: JobResult | None = None


def deployment_id(flow_id: str, environment: str) -> str:
    """The key of the deployment of a flow to an environment."""
    return f"{flow_id}.{environment}"


def new_deployment(
    flow_id: str, flow: FlowRef, plan: Plan, destination: Destination, cause: Cause, now: datetime
) -> Deployment:
    """The deployment that a plan asks for, before it has its environment."""
    staging = plan.release.staging if plan.release else None
    production = destination.role is EnvironmentRole.PRODUCTION
    return Deployment(
        state=DeploymentState.WAITING,
        flow_id=flow_id,
        flow=flow,
        environment=destination.environment,
        role=destination.role,
        started_at=now,
        traceparent=cause.traceparent,
        hop=cause.hop,
        staging=staging.name if staging and production else "",
        source=checkout_of(plan),
        steps=tuple(
            Step(component=_deployable(plan, component))
            for component in plan.components
            if component.deploy
        ),
    )


def tombstone(flow: FlowRef, destination: Destination, reason: str, cause: Cause) -> Deployment:
    """Takes the place of a deployment that must never begin."""
    return Deployment(
        state=DeploymentState.STOPPED,
        flow_id=cause.flow_id,
        flow=flow,
        environment=destination.environment,
        role=destination.role,
        started_at=flow.started_at,
        traceparent=cause.traceparent,
        hop=cause.hop,
        reason=reason,
    )


def _deployable(plan: Plan, component: PlannedComponent) -> PlannedComponent:
    """The component as far as the deployer cares: it waits for what is deployed, and through
    what is not for what that depends on.
    """
    known = {planned.name: planned for planned in plan.components}
    found: dict[str, None] = {}
    seen: set[str] = set()
    ahead = list(component.depends_on)
    while ahead:
        name = ahead.pop(0)
        dependency = known.get(name)
        if dependency is None or name in seen:
            continue
        seen.add(name)
        if dependency.deploy:
            found[name] = None
        else:
            ahead += dependency.depends_on
    return component.model_copy(update={"depends_on": tuple(found), "build": None})


def _outputs(step: Step) -> dict[str, str]:
    return step.after.outputs if step.after else {}


def _variable(component: str) -> str:
    return component.upper().replace("-", "_")
