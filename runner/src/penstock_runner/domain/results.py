"""How a job ended, and the result that says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from penstock_shared.contracts.jobs import Job, JobOutput, JobResult, JobState
from penstock_shared.printable import escaped_lines

LONGEST_TEXT = 4000
"""Characters of a command or a reason in the result: SNS accepts 256 KiB in total."""


@dataclass(frozen=True)
class Ending:
    """How the command, or the attempt to run it, ended."""

    state: JobState
    exit_code: int | None = None
    reason: str = ""

    @property
    def ran_to_its_end(self) -> bool:
        """Whether the command ended by itself, so that its outputs are complete."""
        return self.exit_code is not None

    def also(self, reason: str) -> "Ending":
        """The same ending with one more reason."""
        reasons = "; ".join(text for text in (self.reason, reason) if text)
        return Ending(self.state, self.exit_code, reasons)


@dataclass(frozen=True)
class LogReport:
    """The log of a job's output.

    `stream` is its log stream, empty without output. `tail` is its end as plain text. `trouble`
    says why some of it could not be stored.
    """

    stream: str = ""
    tail: str = ""
    trouble: str = ""


SILENT = LogReport()


def ending_of(exit_code: int) -> Ending:
    """The ending for a shell's exit code; above 128 it is 128 plus the number of a signal."""
    if exit_code == 0:
        return Ending(JobState.SUCCEEDED, 0)
    return Ending(JobState.FAILED, exit_code, f"exit code {exit_code}")


def result_of(
    job: Job,
    attempt: int,
    started_at: datetime,
    finished_at: datetime,
    ending: Ending,
    log: LogReport = SILENT,
    outputs: Sequence[JobOutput] = (),
) -> JobResult:
    """The result for the service that requested the job."""
    return JobResult(
        job_id=job.job_id,
        trust=job.trust,
        owner=job.owner,
        record=job.record,
        position=job.position,
        name=job.name,
        component=job.component,
        environment=job.environment,
        state=ending.state,
        exit_code=ending.exit_code,
        attempt=attempt,
        started_at=started_at,
        finished_at=finished_at,
        command=escaped_lines(job.run)[:LONGEST_TEXT],
        tail=log.tail,
        reason=ending.also(log.trouble).reason[:LONGEST_TEXT],
        log_stream=log.stream,
        outputs=tuple(outputs),
    )
