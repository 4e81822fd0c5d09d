"""How a job ended, and how that is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from penstock_shared.contracts.jobs import Job, JobOutput, JobResult, JobState

LONGEST_TEXT = 4000
"""Characters of a command or a reason that travel with the result: SNS takes 256 KiB in all."""


@dataclass(frozen=True)
class Ending:
    """How the command, or the attempt to run it, ended."""

    state: JobState
    exit_code: int | None = None
    reason: str = ""

    @property
    def ran_to_its_end(self) -> bool:
        """Whether the command itself decided how it ended, so that its files mean something."""
        return self.exit_code is not None

    def also(self, reason: str) -> "Ending":
        """The same ending, with one more thing to say about it."""
        reasons = "; ".join(text for text in (self.reason, reason) if text)
        return Ending(self.state, self.exit_code, reasons)


@dataclass(frozen=True)
class LogReport:
    """What became of a job's output.

    `stream` is empty when there was none, `tail` is its end as plain text, `trouble` says why
    some of it could not be stored.
    """

    stream: str = ""
    tail: str = ""
    trouble: str = ""


SILENT = LogReport()


def ending_of(exit_code: int) -> Ending:
    """The ending that a shell's exit code tells; over 128 it is a signal's number."""
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
    """The result as it is told to the service that asked."""
    return JobResult(
        job_id=job.job_id,
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
        command=job.run[:LONGEST_TEXT],
        tail=log.tail,
        reason=ending.also(log.trouble).reason[:LONGEST_TEXT],
        log_stream=log.stream,
        outputs=tuple(outputs),
    )
