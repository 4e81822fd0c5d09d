"""Everything that can be said, and on which topic or queue it is said."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from penstock_shared.contracts.change import Change, Intent
from penstock_shared.contracts.event import EventData, Queue, Topic
from penstock_shared.contracts.jobs import Job, JobResult
from penstock_shared.contracts.model import Contract, Moment, Name, Text
from penstock_shared.contracts.plan import ObjectRef


class FlowRef(Contract):
    """What every stage needs to know of its flow, small enough to travel with each event."""

    repository: str
    ref: str
    sha: str
    intent: Intent
    started_at: Moment
    plan: ObjectRef


class BuildRequested(EventData):
    """A change should flow."""

    type: ClassVar = "build-requested"
    channel: ClassVar = Topic("build-requested")
    change: Change
    attempt: int = 1


class BuildCompleted(EventData):
    """The plan and its artifacts are ready."""

    type: ClassVar = "build-completed"
    channel: ClassVar = Topic("build-completed")
    flow: FlowRef


class TestsPassed(EventData):
    """Every gate that had to pass has passed."""

    __test__: ClassVar = False  # not a test class, whatever pytest thinks of its name
    type: ClassVar = "tests-passed"
    channel: ClassVar = Topic("tests-passed")
    flow: FlowRef
    reused: tuple[str, ...] = ()


class DeployedComponent(Contract):
    """What an environment runs of one component, and why it was or was not deployed."""

    name: Name
    key: str
    version: str = ""
    deployed: bool
    reason: Text = ""


class EnvironmentRole(StrEnum):
    """What an environment is to a release."""

    STAGING = "staging"
    PRODUCTION = "production"
    PREVIEW = "preview"


class DeployDone(EventData):
    """An environment now runs this. `token` orders the deployments of one environment."""

    type: ClassVar = "deploy-done"
    channel: ClassVar = Topic("deploy-done")
    flow: FlowRef
    deployment_id: str
    environment: Name
    role: EnvironmentRole
    token: int
    started_at: Moment
    components: tuple[DeployedComponent, ...]

    def identity(self) -> str:
        """One outcome per deployment."""
        return self.deployment_id

    def strands(self, flow_id: str) -> str | None:
        """After staging comes a bake; elsewhere the flow has arrived."""
        return flow_id if self.role is EnvironmentRole.STAGING else None


class BakeStarted(EventData):
    """Staging runs the release; it bakes until the deadline unless it is stopped."""

    type: ClassVar = "bake-started"
    channel: ClassVar = Topic("bake-started")
    version: str
    deadline: Moment


class ReleasePromoted(EventData):
    """The bake is over: go to production."""

    type: ClassVar = "release-promoted"
    channel: ClassVar = Topic("release-promoted")
    flow: FlowRef
    version: str
    by: Text = ""


class Stage(StrEnum):
    """The stages of a flow, as people see them."""

    BUILD = "build"
    TEST = "test"
    STAGING = "staging"
    BAKE = "bake"
    PRODUCTION = "production"


class FlowStopped(EventData):
    """The flow ends here. The subclass says how, the data says why."""

    channel: ClassVar = Topic("flow-stopped")
    advances: ClassVar = False
    stage: Stage | None = None
    reason: Text
    by: Text = ""
    job: JobResult | None = None

    def strands(self, flow_id: str) -> str | None:
        """The flow has ended already."""
        return None


class FlowFailed(FlowStopped):
    """Something in the flow did not pass."""

    type: ClassVar = "flow-failed"


class FlowAborted(FlowStopped):
    """Somebody, or an alarm, stopped the release."""

    type: ClassVar = "flow-aborted"


class FlowSuperseded(FlowStopped):
    """A newer change overtook this one."""

    type: ClassVar = "flow-superseded"


class RolledBack(EventData):
    """An environment is back on the last good versions of what a stopped flow had changed."""

    type: ClassVar = "rolled-back"
    channel: ClassVar = Topic("deploy-done")
    advances: ClassVar = False
    deployment_id: str
    environment: Name
    role: EnvironmentRole
    components: tuple[DeployedComponent, ...]
    reason: Text = ""

    def identity(self) -> str:
        """One outcome per deployment."""
        return self.deployment_id


class JobRequested(EventData):
    """Run this. Goes straight to the runners' queue."""

    type: ClassVar = "job-requested"
    channel: ClassVar = Queue("jobs")
    advances: ClassVar = False
    job: Job

    def identity(self) -> str:
        """One request per job."""
        return self.job.job_id


class JobStarted(EventData):
    """A runner has been at this for a moment. Only said of jobs that last."""

    type: ClassVar = "job-started"
    channel: ClassVar = Topic("job-finished")
    advances: ClassVar = False
    job_id: str
    owner: Name
    name: Name
    component: Name | None = None
    attempt: int = Field(ge=1)
    started_at: Moment
    log_stream: str = ""

    def identity(self) -> str:
        """One start per attempt."""
        return f"{self.job_id}:{self.attempt}"


class JobFinished(EventData):
    """A job's result, for the service that asked."""

    type: ClassVar = "job-finished"
    channel: ClassVar = Topic("job-finished")
    advances: ClassVar = False
    result: JobResult

    def identity(self) -> str:
        """One result per job: what a dead attempt says later has the id of what was said."""
        return self.result.job_id

    def attributes(self) -> dict[str, str]:
        """Owners subscribe to their own jobs only."""
        return {"owner": self.result.owner}
