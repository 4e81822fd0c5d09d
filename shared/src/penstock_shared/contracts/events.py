"""Everything that can be said, and on which topic or queue it is said."""

from enum import StrEnum
from typing import Any, ClassVar

from pydantic import Field

from penstock_shared.contracts.change import Change, Forge, Intent
from penstock_shared.contracts.event import EventData, Queue, Topic
from penstock_shared.contracts.jobs import Job, JobResult
from penstock_shared.contracts.model import Contract, Moment, Name, Text
from penstock_shared.contracts.plan import ObjectRef
from penstock_shared.errors import RefusedMessageError


class FlowRef(Contract):
    """What every stage needs to know of its flow, small enough to travel with each event."""

    forge: Forge = Forge.GITHUB
    repository: str
    ref: str
    sha: str
    intent: Intent
    started_at: Moment
    plan: ObjectRef


class BuildRequested(EventData):
    """A change should flow."""

    type: ClassVar = "build-requested"
    data_version: ClassVar = 2
    channel: ClassVar = Topic("build-requested")
    change: Change
    attempt: int = 1


class BuildCompleted(EventData):
    """The plan and its artifacts are ready."""

    type: ClassVar = "build-completed"
    data_version: ClassVar = 2
    channel: ClassVar = Topic("build-completed")
    flow: FlowRef


class TestsPassed(EventData):
    """Every gate that had to pass has passed.

    `reused` are the positions, in the plan's gates, of those whose verdict was known already.
    """

    __test__: ClassVar = False  # not a test class, whatever pytest thinks of its name
    type: ClassVar = "tests-passed"
    data_version: ClassVar = 2
    channel: ClassVar = Topic("tests-passed")
    flow: FlowRef
    reused: tuple[int, ...] = ()

    @classmethod
    def upcast(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 named the reused gates; only the plan knows their positions."""
        return {name: value for name, value in data.items() if name != "reused"}


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
    data_version: ClassVar = 2
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
    data_version: ClassVar = 2
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
    data_version: ClassVar = 2


class FlowAborted(FlowStopped):
    """Somebody, or an alarm, stopped the release."""

    type: ClassVar = "flow-aborted"
    data_version: ClassVar = 2


class FlowSuperseded(FlowStopped):
    """A newer change overtook this one."""

    type: ClassVar = "flow-superseded"
    data_version: ClassVar = 2


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
    data_version: ClassVar = 2
    channel: ClassVar = Queue("jobs")
    advances: ClassVar = False
    job: Job

    def identity(self) -> str:
        """One request per job."""
        return self.job.job_id

    @classmethod
    def upcast(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 carried addresses, and no digest by which its source could be verified."""
        raise RefusedMessageError(
            "this job was requested by an older version of Penstock, which named its source by an "
            "address; push again, and its flow starts anew"
        )


class JobStarted(EventData):
    """A runner has been at this for a moment. Only said of jobs that last."""

    type: ClassVar = "job-started"
    data_version: ClassVar = 2
    channel: ClassVar = Topic("job-finished")
    advances: ClassVar = False
    job_id: str
    owner: Name
    position: int = Field(default=0, ge=0)
    name: Name
    component: Name | None = None
    environment: Name | None = None
    attempt: int = Field(ge=1)
    started_at: Moment
    log_stream: str = ""

    def identity(self) -> str:
        """One start per attempt."""
        return f"{self.job_id}:{self.attempt}"


class JobFinished(EventData):
    """A job's result, for the service that asked."""

    type: ClassVar = "job-finished"
    data_version: ClassVar = 2
    channel: ClassVar = Topic("job-finished")
    advances: ClassVar = False
    result: JobResult

    def identity(self) -> str:
        """One result per job: what a dead attempt says later has the id of what was said."""
        return self.result.job_id

    def attributes(self) -> dict[str, str]:
        """Owners subscribe to their own jobs only."""
        return {"owner": self.result.owner}
