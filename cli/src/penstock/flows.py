"""The JSON of the monitor's API."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NotRequired, TypedDict

from penstock_shared.contracts.plan import gate_label

FINAL = frozenset({"succeeded", "failed", "aborted", "superseded"})
BROKEN = frozenset({"failed", "timed-out", "lost"})
"""The states of a job that ran and did not succeed."""


class ArtifactJson(TypedDict):
    """A file that a job left, and its key in the artifact bucket."""

    path: str
    key: str
    sha256: str
    size: int


class JobJson(TypedDict):
    """One job. `job_id` is null while the job is only planned."""

    job_id: str | None
    name: str
    component: str | None
    variant: NotRequired[str]
    environment: NotRequired[str | None]
    state: str
    exit_code: int | None
    attempts: int
    tried: NotRequired[int]
    tries: NotRequired[int]
    started_at: str | None
    finished_at: str | None
    reason: str
    command: str
    tail: str
    allowed: NotRequired[bool]
    quarantine: NotRequired[str]
    flaky: NotRequired[bool]
    artifacts: NotRequired[list[ArtifactJson]]


class ProvenJson(TypedDict):
    """Gates that were not run again, and the earlier flow that proved them, if it is named."""

    flow_id: str
    sha: str
    gates: list[str]


class PhaseJson(TypedDict):
    """One phase of a flow."""

    phase: str
    state: str
    reason: str
    started_at: str | None
    finished_at: str | None
    jobs: list[JobJson]
    reused: list[str]
    proven: NotRequired[list[ProvenJson]]


class DeploymentJson(TypedDict):
    """What a flow did with one component in one environment."""

    environment: str
    version: str
    deployed: bool
    rolled_back: NotRequired[bool]
    reason: str


class ComponentJson(TypedDict):
    """What a flow did with one component."""

    name: str
    built: bool
    deployed: bool
    version: str
    reason: str
    deployments: list[DeploymentJson]


class VersionJson(TypedDict):
    """The version of a component."""

    name: str
    version: str


class RollbackJson(TypedDict):
    """An environment that was rolled back, and the versions it runs again."""

    environment: str
    at: str
    components: list[VersionJson]


class PullRequestJson(TypedDict):
    """The pull request that a flow checks. What is not there, or not known yet, is empty."""

    number: int
    fork: str
    base: str
    merge: str


class FlowJson(TypedDict):
    """One flow. A list leaves out `components` and the `jobs` of phases."""

    flow_id: str
    repository: str
    ref: str
    sha: str
    intent: str | None
    state: str
    reason: str
    started_at: str
    finished_at: str | None
    release: str | None
    phases: list[PhaseJson]
    components: list[ComponentJson]
    author: str
    message: str
    attempt: int
    pull_request: NotRequired[PullRequestJson | None]
    bakes_until: str | None
    stopped_by: str
    undoing: NotRequired[bool]
    rollbacks: list[RollbackJson]


class LineJson(TypedDict):
    """One line of a log."""

    at: str
    text: str


class LogJson(TypedDict):
    """Some lines of a log. `next` is where to continue; `more` says whether lines may follow."""

    lines: list[LineJson]
    next: str
    more: bool


def branch_of(flow: FlowJson) -> str:
    """The flow's ref without `refs/heads/`."""
    return flow["ref"].removeprefix("refs/heads/")


def title_of(flow: FlowJson) -> str:
    """The first line of the commit's message."""
    return flow["message"].strip().partition("\n")[0]


def jobs_of(flow: FlowJson) -> Iterator[JobJson]:
    """Every job of the flow, in the order of its phases."""
    for phase in flow["phases"]:
        yield from phase["jobs"]


def name_of(job: JobJson) -> str:
    """The job's name for people, for example `unit (orders)`."""
    return gate_label(job["name"], job["component"], job.get("variant", ""))


def phase_of(flow: FlowJson, name: str) -> PhaseJson:
    """The phase of this name; every flow has all phases."""
    return next(phase for phase in flow["phases"] if phase["phase"] == name)


def moment(text: str | None) -> datetime | None:
    """A timestamp of the API as an aware datetime."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
