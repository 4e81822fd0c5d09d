"""One component of a deployment."""

from enum import StrEnum

from deployer_service.domain.environment.history import Deployed
from deployer_service.domain.messages import Direction
from penstock_shared.contracts.drivers import Deploy
from penstock_shared.contracts.events import DeployedComponent
from penstock_shared.contracts.jobs import JobResult
from penstock_shared.contracts.model import Contract, Moment
from penstock_shared.contracts.plan import PlannedComponent


class StepState(StrEnum):
    """Where one component stands, on its way in (`state`) or back (`undo`)."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


UNDER_WAY = frozenset({StepState.WAITING, StepState.RUNNING})
ARRIVED = frozenset({StepState.SUCCEEDED, StepState.SKIPPED})
TOUCHED = frozenset({StepState.SUCCEEDED, StepState.FAILED})


class Step(Contract):
    """One component of a deployment.

    `before` is what the environment ran when the deployment began, `after` what this step left.
    `undo` is None unless a rollback concerns the step, and `target` is what that goes back to.
    The step is `unknown` while nobody can tell what the environment runs of the component, and
    `verified` once its driver has seen that what the record says is what is served.
    """

    component: PlannedComponent
    state: StepState = StepState.WAITING
    before: Deployed | None = None
    after: Deployed | None = None
    undo: StepState | None = None
    target: Deployed | None = None
    unknown: bool = False
    verified: bool = False
    reason: str = ""
    deadline: Moment | None = None
    """While the step runs: when nobody waits for it any longer."""

    @property
    def name(self) -> str:
        """The component's name."""
        return self.component.name

    @property
    def recipe(self) -> Deploy | None:
        """How it is deployed; on its way back, how the version that it goes back to was."""
        if self.undo is not None and self.target is not None:
            return self.target.recipe or self.component.deploy
        return self.component.deploy

    @property
    def driver(self) -> str:
        """The name of the driver that is at it."""
        return self.recipe.driver if self.recipe else ""

    @property
    def running(self) -> bool:
        """Whether somebody is at it, in either direction."""
        return StepState.RUNNING in (self.state, self.undo)

    @property
    def runs(self) -> Deployed | None:
        """What the environment runs of this component as far as this deployment knows."""
        if self.unknown:
            return None
        if self.undo is not None:
            return self.target
        return self.after or self.before

    def describe(self, *, moved: bool) -> DeployedComponent:
        """The step as it is published; `moved`: whether the deployment has just changed it."""
        runs = self.runs
        return DeployedComponent(
            name=self.name,
            version=runs.version if runs else "",
            deployed=moved,
            unknown=self.unknown,
            verified=self.verified,
            reason=self.reason,
        )

    def now(self, **changes: object) -> "Step":
        """The step with these fields changed."""
        return self.model_copy(update=changes)


class StepResult(Contract):
    """How a step ended. `job` is there when a job did it."""

    component: str
    direction: Direction
    succeeded: bool
    revision: str = ""
    outputs: dict[str, str] = {}
    reason: str = ""
    job: JobResult | None = None
