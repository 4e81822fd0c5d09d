"""What people are shown of a flow. Written as JSON, this is the answer of the API."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer

from penstock_shared.contracts.change import Intent
from penstock_shared.contracts.events import EnvironmentRole, Phase
from penstock_shared.contracts.plan import gate_label


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


When = Annotated[datetime, PlainSerializer(_iso)]


class View(BaseModel):
    """A frozen value for reading."""

    model_config = ConfigDict(frozen=True, defer_build=True)


class FlowState(StrEnum):
    """How a flow stands; all but the first two are final."""

    RUNNING = "running"
    BAKING = "baking"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    SUPERSEDED = "superseded"

    @property
    def final(self) -> bool:
        """Whether nothing more will be decided about the flow."""
        return self not in {FlowState.RUNNING, FlowState.BAKING}


class PhaseState(StrEnum):
    """How a phase of a flow stands."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    ROLLED_BACK = "rolled-back"


NOT_RUN = "not-run"
"""The state of a planned job whose flow ended before it began."""


class ArtifactView(View):
    """A file that a job left for people, where it is stored, and what it must have as content."""

    path: str
    key: str
    sha256: str
    size: int


class JobView(View):
    """One job. `job_id` is None while the job is only planned.

    `state` is one of waiting, running, succeeded, failed, timed-out, cancelled, lost, not-run.
    `attempts` counts the runners that took it; a gate's job is the `tried`th of at most `tries`.
    `variant` names the values of its gate's matrix. `allowed` says that its failure stops nothing,
    `quarantine` until when and by whom that is so, and `flaky` that it passed where an earlier try
    with the same inputs had failed.
    """

    job_id: str | None
    name: str
    component: str | None = None
    variant: str = ""
    environment: str | None = None
    state: str
    exit_code: int | None = None
    attempts: int = 0
    tried: int = 1
    tries: int = 1
    started_at: When | None = None
    finished_at: When | None = None
    reason: str = ""
    command: str = ""
    tail: str = ""
    log_stream: str = ""
    allowed: bool = False
    quarantine: str = ""
    flaky: bool = False
    artifacts: tuple[ArtifactView, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the job ran and did not end well."""
        return self.state in {"failed", "timed-out", "lost"}

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to the job."""
        return self.state not in {"waiting", "running"}

    @property
    def title(self) -> str:
        """The job's name and, if it has them, its component's and its variant's."""
        return gate_label(self.name, self.component, self.variant)


class ProvenView(View):
    """Gates that were not run again, and the earlier flow that proved them, if it is named."""

    flow_id: str
    sha: str
    gates: tuple[str, ...]


class PhaseView(View):
    """One phase. `reused` names the gates whose verdict was known already, and `proven` says from
    which flows.
    """

    phase: Phase
    state: PhaseState
    reason: str = ""
    started_at: When | None = None
    finished_at: When | None = None
    jobs: tuple[JobView, ...] = ()
    reused: tuple[str, ...] = ()
    proven: tuple[ProvenView, ...] = ()
    deadline: When | None = None


class DeploymentView(View):
    """What a flow did with one component in one environment. `version` is what runs there now."""

    environment: str
    role: EnvironmentRole
    version: str
    deployed: bool
    rolled_back: bool = False
    reason: str


class ComponentView(View):
    """What a flow did with one component. `version` is what the last environment runs of it."""

    name: str
    built: bool
    deployed: bool
    version: str
    reason: str
    deployments: tuple[DeploymentView, ...] = ()


class VersionView(View):
    """The version of one component."""

    name: str
    version: str


class RollbackView(View):
    """An environment that was put back, and the components that had to be."""

    environment: str
    role: EnvironmentRole
    at: When
    components: tuple[VersionView, ...]
    reason: str


class AbortRequestView(View):
    """Somebody asked for the flow to be aborted."""

    by: str
    reason: str


class PullRequestView(View):
    """The pull request that a flow checks. `fork` is the other repository that it is from, `base`
    the ref that it goes to, and `merge` the merge commit that is checked; empty while that is not
    known, and where the head alone is checked.
    """

    number: int
    fork: str = ""
    base: str = ""
    merge: str = ""


class FlowView(View):
    """One flow. `release` is the release's version, `stopped_by` who aborted or promoted.

    `undoing`: whether an environment may still be put back.
    """

    flow_id: str
    repository: str
    ref: str
    sha: str
    intent: Intent | None
    state: FlowState
    reason: str
    started_at: When
    finished_at: When | None
    release: str | None
    phases: tuple[PhaseView, ...]
    components: tuple[ComponentView, ...]
    author: str = ""
    message: str = ""
    attempt: int = 1
    pull_request: PullRequestView | None = None
    bakes_until: When | None = None
    stopped_by: str = ""
    promoted_by: str = ""
    undoing: bool = False
    rollbacks: tuple[RollbackView, ...] = ()
    abort_requests: tuple[AbortRequestView, ...] = ()

    def phase(self, phase: Phase) -> PhaseView:
        """The phase of that name; every flow has all of them."""
        return next(view for view in self.phases if view.phase is phase)

    @property
    def branch(self) -> str:
        """The ref without what every branch begins with."""
        return self.ref.removeprefix("refs/heads/")

    @property
    def title(self) -> str:
        """The first line of the commit's message."""
        return self.message.strip().partition("\n")[0]

    @property
    def failed_jobs(self) -> tuple[JobView, ...]:
        """The jobs that ran and did not end well, in the order of their phases."""
        return tuple(job for phase in self.phases for job in phase.jobs if job.failed)

    @property
    def stoppable(self) -> bool:
        """Whether an abort still has something to stop."""
        return not self.state.final
