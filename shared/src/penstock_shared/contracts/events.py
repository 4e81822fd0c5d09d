"""Every type of event, each with its topic or queue."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import Field

from penstock_shared.contracts.answers import CoverageChange, Finding
from penstock_shared.contracts.change import Change, Forge, Intent, Trust
from penstock_shared.contracts.event import EventData, Queue, Topic
from penstock_shared.contracts.jobs import Job, JobResult
from penstock_shared.contracts.model import Contract, Moment, Name, Proof, Text
from penstock_shared.contracts.plan import ObjectRef, PlannedRelease
from penstock_shared.contracts.positions import Positions

ANSWERED = {"answered": "yes"}
"""The attribute of the messages of flows whose forge is told what becomes of them. The others have
none, so that nothing of them reaches the service that tells.
"""


class FlowRef(Contract):
    """What every service needs to know of its flow, small enough to travel with each event."""

    forge: Forge = Forge.GITHUB
    repository: str
    ref: str
    sha: str
    # Documents from before there was trust count as a lower one.
    trust: Trust = Trust.CHECK
    intent: Intent
    started_at: Moment
    plan: ObjectRef
    answered: bool = False

    def attributes(self) -> dict[str, str]:
        """Further attributes of the messages of this flow: see ANSWERED."""
        return ANSWERED if self.answered else {}


class BuildRequested(EventData):
    """A change should flow. Changes of version 4 have no `base`."""

    type: ClassVar = "build-requested"
    data_version: ClassVar = 5
    channel: ClassVar = Topic("build-requested")
    change: Change
    attempt: int = 1

    def attributes(self) -> dict[str, str]:
        """See ANSWERED."""
        return ANSWERED if self.change.answered else {}


class BuildCompleted(EventData):
    """The plan and its artifacts are ready."""

    type: ClassVar = "build-completed"
    data_version: ClassVar = 4
    channel: ClassVar = Topic("build-completed")
    flow: FlowRef

    def attributes(self) -> dict[str, str]:
        """See ANSWERED."""
        return self.flow.attributes()


class TestsPassed(EventData):
    """Every gate that had to pass has passed.

    `reused` are the positions, in the plan's gates, of those whose verdict was known already.
    """

    __test__: ClassVar = False  # pytest would take it for a test class by its name
    type: ClassVar = "tests-passed"
    data_version: ClassVar = 4
    channel: ClassVar = Topic("tests-passed")
    flow: FlowRef
    reused: tuple[int, ...] = ()

    def attributes(self) -> dict[str, str]:
        """See ANSWERED."""
        return self.flow.attributes()


class GatesJudged(EventData):
    """Gates ended, as the test-runner judges them. Published for flows that are answered only.

    `passed`, `failed`, `allowed` and `reused` are positions in the plan's gates. `failed` has the
    reason of each; `allowed` are those of them that may fail, and `reused` those whose verdict was
    known already.
    """

    type: ClassVar = "gates-judged"
    channel: ClassVar = Topic("tests-passed")
    advances: ClassVar = False
    flow: FlowRef
    passed: tuple[int, ...] = ()
    failed: dict[int, Text] = {}
    allowed: tuple[int, ...] = ()
    reused: tuple[int, ...] = ()
    findings: tuple[Finding, ...] = ()
    coverage: CoverageChange | None = None

    def identity(self) -> str:
        """There is one verdict for each gate."""
        return ",".join(map(str, (*self.passed, "-", *self.failed, "-", *self.reused)))

    def strands(self, flow_id: str) -> str | None:
        """No flow waits for it."""
        return None

    def attributes(self) -> dict[str, str]:
        """See ANSWERED."""
        return self.flow.attributes()


class GateProofs(Contract):
    """Gates, by their positions in the plan, that passed on the same inputs in one earlier flow."""

    flow_id: str = ""
    sha: str = ""
    gates: Positions


class GatesProven(EventData):
    """Some gates need not run: earlier flows have proved them. Said when the others are asked for.

    Of more than a few earlier flows, the last group has the gates of the rest and names no flow.
    `doubted` are gates that run, and that failed before on the same inputs.
    """

    type: ClassVar = "gates-proven"
    channel: ClassVar = Topic("tests-passed")
    advances: ClassVar = False
    proofs: tuple[GateProofs, ...] = ()
    doubted: Positions = Positions()


class EnvironmentPassed(EventData):
    """Every gate that follows the deployment to an environment has passed there."""

    type: ClassVar = "environment-passed"
    channel: ClassVar = Topic("tests-passed")
    environment: Name


class EnvironmentRole(StrEnum):
    """What an environment is to a release."""

    STAGING = "staging"
    PRODUCTION = "production"
    PREVIEW = "preview"


class DeployedComponent(Contract):
    """What an environment runs of one component, and why it was or was not deployed.

    `version` is empty if the environment runs none. It is also empty if the version is `unknown`,
    after a step that failed and could not be undone. `verified` says that the version was seen to
    be served; it is false for what a command deployed, which is not checked.
    """

    name: Name
    version: str = ""
    deployed: bool
    unknown: bool = False
    verified: bool = False
    reason: Text = ""


class DeploymentOutcome(Contract):
    """The components that share an outcome: their `versions` by name, empty where nothing runs.

    Components are grouped by outcome so that 1,000 of them fit into a message of 100 KB.
    """

    deployed: bool
    unknown: bool = False
    verified: bool = False
    reason: Text = ""
    versions: dict[Name, str]


LONGEST_REASON = 300
"""Characters of a component's reason; its job's log has the rest."""
MOST_REASONS = 50
"""Distinct reasons in one event; components beyond share one."""
OTHER_REASON = "for another reason: its job says which"


def outcomes_of(components: Iterable[DeployedComponent]) -> tuple[DeploymentOutcome, ...]:
    """The components grouped by what happened to them and why, in their given order."""
    groups: dict[tuple[bool, bool, bool, str], dict[str, str]] = {}
    for one in components:
        known = (one.deployed, one.unknown, one.verified)
        group = (*known, one.reason[:LONGEST_REASON])
        if group not in groups and len(groups) >= MOST_REASONS:
            group = (*known, OTHER_REASON)
        groups.setdefault(group, {})[one.name] = one.version
    return tuple(
        DeploymentOutcome(
            deployed=deployed, unknown=unknown, verified=verified, reason=reason, versions=versions
        )
        for (deployed, unknown, verified, reason), versions in groups.items()
    )


def _without(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


class DeploymentEvent(EventData):
    """What an environment runs once a deployment or a rollback is over."""

    channel: ClassVar = Topic("deploy-done")
    deployment_id: str
    environment: Name
    role: EnvironmentRole
    outcomes: tuple[DeploymentOutcome, ...]

    @property
    def components(self) -> tuple[DeployedComponent, ...]:
        """Every component of the environment, group by group."""
        return tuple(
            DeployedComponent(
                name=name,
                version=version,
                deployed=group.deployed,
                unknown=group.unknown,
                verified=group.verified,
                reason=group.reason,
            )
            for group in self.outcomes
            for name, version in group.versions.items()
        )

    def identity(self) -> str:
        """There is one outcome for each deployment."""
        return self.deployment_id


class DeployDone(DeploymentEvent):
    """An environment runs this release now. `token` orders the deployments of one environment.

    `nothing_to_deploy` says that the release changes neither this environment nor production.
    `release` is None only in events of an older version of Penstock.
    """

    type: ClassVar = "deploy-done"
    data_version: ClassVar = 4
    flow: FlowRef
    token: int
    started_at: Moment
    release: PlannedRelease | None = None
    nothing_to_deploy: bool = False

    def strands(self, flow_id: str) -> str | None:
        """A flow in staging waits for its bake; in any other environment it has arrived."""
        return flow_id if self.role is EnvironmentRole.STAGING else None

    def attributes(self) -> dict[str, str]:
        """See ANSWERED; and whether gates follow, for which the test-runner listens."""
        known = self.release is not None and self.release.gates_in_staging
        waits = self.role is EnvironmentRole.STAGING and not self.nothing_to_deploy
        return {**self.flow.attributes(), **({"gates": "follow"} if known and waits else {})}


class BakeStarted(EventData):
    """Staging runs the release; it bakes until the deadline unless it is stopped."""

    type: ClassVar = "bake-started"
    channel: ClassVar = Topic("bake-started")
    version: str
    deadline: Moment


class ReleasePromoted(EventData):
    """The bake is over, or there is nothing to bake: go to production."""

    type: ClassVar = "release-promoted"
    data_version: ClassVar = 4
    channel: ClassVar = Topic("release-promoted")
    flow: FlowRef
    version: str
    by: Text = ""
    reason: Text = ""


class Phase(StrEnum):
    """The phases of a flow, as people see them."""

    BUILD = "build"
    TEST = "test"
    STAGING = "staging"
    BAKE = "bake"
    PRODUCTION = "production"


class FlowStopped(EventData):
    """The flow ends here. The subclass says how, the data says why."""

    channel: ClassVar = Topic("flow-stopped")
    advances: ClassVar = False
    phase: Phase | None = None
    reason: Text
    by: Text = ""
    job: JobResult | None = None

    def strands(self, flow_id: str) -> str | None:
        """The flow has ended already."""
        return None


class FlowFailed(FlowStopped):
    """Something in the flow did not pass."""

    type: ClassVar = "flow-failed"
    data_version: ClassVar = 4


class FlowAborted(FlowStopped):
    """Somebody, or an alarm, stopped the release."""

    type: ClassVar = "flow-aborted"
    data_version: ClassVar = 4


class FlowSuperseded(FlowStopped):
    """A newer change overtook this one."""

    type: ClassVar = "flow-superseded"
    data_version: ClassVar = 4


class RolledBack(DeploymentEvent):
    """An environment is back on the last good versions of what a stopped flow had changed."""

    type: ClassVar = "rolled-back"
    data_version: ClassVar = 2
    advances: ClassVar = False
    reason: Text = ""

    @classmethod
    def upcast(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Version 1 listed its components one by one, each with its key."""
        listed = [
            DeployedComponent.model_validate(_without(one, "key"))
            for one in data.get("components", ())
        ]
        return {**_without(data, "components"), "outcomes": outcomes_of(listed)}


class JobRequested(EventData):
    """Run this job. Goes directly to the queue of the runners of its trust.

    `proof` comes back with the result. Only the service that asked can make it, so only a runner
    that was given the job has it.
    """

    type: ClassVar = "job-requested"
    data_version: ClassVar = 4
    channel: ClassVar = Queue("jobs")
    advances: ClassVar = False
    job: Job
    proof: Proof

    def identity(self) -> str:
        """There is one request for each job."""
        return self.job.job_id

    def destination(self) -> Topic | Queue:
        """The queue of the runners of the job's trust, for example `jobs-release`."""
        return Queue(f"{self.channel}-{self.job.trust}")

    @classmethod
    def upcast(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Version 3 had neither prepared folders nor caches."""
        return data


class JobStarted(EventData):
    """A runner works on this job. Jobs that end within a moment have no such event.

    `proof` is that of the job's request. A start without it, as of version 2, is not believed.
    """

    type: ClassVar = "job-started"
    data_version: ClassVar = 3
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
    # Starts of earlier versions do not say theirs, and have no proof.
    trust: Trust = Trust.FORK
    proof: Proof | None = None

    def identity(self) -> str:
        """There is one start for each attempt."""
        return f"{self.job_id}:{self.attempt}"


class JobFinished(EventData):
    """A job's result, for the service that asked.

    `proof` is that of the job's request. A result without it, as of version 2, is not believed.
    """

    type: ClassVar = "job-finished"
    data_version: ClassVar = 4
    channel: ClassVar = Topic("job-finished")
    advances: ClassVar = False
    result: JobResult
    proof: Proof | None = None

    def identity(self) -> str:
        """There is one result for each job: a late result of a lost attempt has the same id."""
        return self.result.job_id

    def attributes(self) -> dict[str, str]:
        """Services subscribe to the results of their own jobs only."""
        return {"owner": self.result.owner}
