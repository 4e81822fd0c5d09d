"""A job: commands run on a source snapshot by a runner, and what came of it."""

from enum import StrEnum

from pydantic import Field, field_validator

from penstock_shared.contracts.change import Forge, Trust
from penstock_shared.contracts.model import Contract, Moment, Name, Sha, Sha256, Text
from penstock_shared.contracts.plan import History, ObjectRef, Preparation
from penstock_shared.contracts.secrets import Secrets

TAIL_CHARACTERS = 4000
"""Characters at the end of a log that a job's result carries; the whole is in the log."""


TOOLCHAIN_CHARACTERS = 200
"""The most characters of a runner's toolchain."""


class JobState(StrEnum):
    """Where a job stands; all but the first two are final."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to the job."""
        return self not in {JobState.WAITING, JobState.RUNNING}


class Checkout(Contract):
    """The source of a job: a snapshot of one commit, and what the commit is.

    The job sees the files that any of the patterns in `inputs` names, and every file if there are
    none: see `penstock_shared.inputs`.
    """

    snapshot: ObjectRef
    forge: Forge
    repository: str
    ref: str
    before: Sha
    sha: Sha
    pull_request: int | None = None
    committed_at: Moment | None = None
    history: History = History.COMMIT
    inputs: tuple[str, ...] = ()

    @field_validator("snapshot")
    @classmethod
    def _can_be_verified(cls, snapshot: ObjectRef) -> ObjectRef:
        if not snapshot.sha256:
            raise ValueError("a snapshot without its sha256 cannot be verified")
        return snapshot


class Download(Contract):
    """An object that a job needs: unpacked if `path` is `.` or ends in `/`, else stored there."""

    key: str
    sha256: Sha256
    path: str = "."


class Upload(Contract):
    """A file that a job leaves behind, and the key to store it under."""

    name: Name
    path: str
    key: str
    required: bool = True
    content_type: str = "application/octet-stream"


class Job(Contract):
    """What to run. A job carries keys of objects, never addresses: its runner makes those. Likewise
    it carries the names of secrets, never a value.

    `prepare` makes folders that it shares with other jobs. `cache` names folders that it finds as
    an earlier job of its kind left them: relative to `workdir`, or to its home after `~/`.

    `owner` is the service that asked, `record` the key of the record that it asked for, and
    `position` the job's number among the jobs of that record.
    """

    job_id: str = Field(pattern=r"^[0-9a-f]{20}$")
    trust: Trust = Trust.CHECK
    owner: Name
    record: str
    position: int = Field(default=0, ge=0)
    name: Name
    component: Name | None = None
    environment: Name | None = Field(default=None, description="that a deployment's job works for")
    token: int | None = Field(default=None, description="the deployment's fencing token")
    run: str
    workdir: str = "."
    source: Checkout
    inputs: tuple[Download, ...] = ()
    outputs: tuple[Upload, ...] = ()
    variables: dict[str, str] = {}
    secrets: Secrets = {}
    timeout: int = Field(ge=1, le=12 * 3600, description="seconds")
    prepare: Preparation | None = None
    cache: tuple[str, ...] = ()
    despite_stop: bool = Field(
        default=False, description="runs although its flow was stopped: it undoes what that did"
    )


class JobOutput(Contract):
    """One uploaded file."""

    name: Name
    key: str
    sha256: str
    size: int


class JobResult(Contract):
    """How a job ended. `attempt` counts the leases that it took.

    `toolchain` is what its runner says of its system and tools; it is compared with that of other
    results, and shown to people. It is empty if the job never ran.
    """

    job_id: str
    trust: Trust = Trust.CHECK
    owner: Name
    record: str
    position: int = Field(default=0, ge=0)
    name: Name
    component: Name | None = None
    environment: Name | None = None
    state: JobState
    exit_code: int | None = None
    attempt: int = 1
    started_at: Moment
    finished_at: Moment
    command: str = ""
    tail: Text = Field(default="", max_length=TAIL_CHARACTERS)
    reason: Text = ""
    log_stream: str = ""
    toolchain: Text = Field(default="", max_length=TOOLCHAIN_CHARACTERS)
    outputs: tuple[JobOutput, ...] = ()

    def how_it_ended(self) -> str:
        """How the job ended in a few words, for example `failed with exit code 2`."""
        if self.reason:
            return f"{self.state}: {self.reason}"
        if self.exit_code is None:
            return str(self.state)
        return f"{self.state} with exit code {self.exit_code}"
