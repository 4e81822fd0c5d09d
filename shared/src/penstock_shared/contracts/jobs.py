"""A job: commands run on a source snapshot by a runner, and what came of it."""

from enum import StrEnum

from pydantic import Field

from penstock_shared.contracts.model import Contract, Moment, Name, Text

TAIL_CHARACTERS = 4000
"""How much of a log's end travels with a job's result; the rest is in the log itself."""


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


class Download(Contract):
    """Something a job needs: a presigned GET, unpacked or stored at `path` in its folder."""

    url: str
    digest: str = Field(description="names the content: equal digests are equal bytes")
    path: str = "."


class Upload(Contract):
    """A file that a job leaves behind, for a presigned PUT; `required` unless said otherwise."""

    name: Name
    path: str
    url: str
    key: str
    required: bool = True
    content_type: str = "application/octet-stream"


class Job(Contract):
    """What to run. `owner` is the service that asked and `record` the key it asked for."""

    job_id: str = Field(pattern=r"^[0-9a-f]{20}$")
    owner: Name
    record: str
    name: Name
    component: Name | None = None
    run: str
    workdir: str = "."
    source: Download
    inputs: tuple[Download, ...] = ()
    outputs: tuple[Upload, ...] = ()
    environment: dict[str, str] = {}
    timeout: int = Field(ge=1, le=12 * 3600, description="seconds")
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
    """How a job ended. `attempt` counts the leases that it took."""

    job_id: str
    owner: Name
    record: str
    name: Name
    component: Name | None = None
    state: JobState
    exit_code: int | None = None
    attempt: int = 1
    started_at: Moment
    finished_at: Moment
    command: str = ""
    tail: Text = Field(default="", max_length=TAIL_CHARACTERS)
    reason: Text = ""
    log_stream: str = ""
    outputs: tuple[JobOutput, ...] = ()

    def how_it_ended(self) -> str:
        """The end in a few words, for example `failed with exit code 2`."""
        if self.reason:
            return f"{self.state}: {self.reason}"
        if self.exit_code is None:
            return str(self.state)
        return f"{self.state} with exit code {self.exit_code}"
