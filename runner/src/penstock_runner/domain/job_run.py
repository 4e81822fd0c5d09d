"""The record of a job's execution, and the decisions that change it.

A lease is one conditional write. Its number is the attempt: whatever comes from an attempt after
the next one has begun is stale.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime

from penstock_runner.domain.results import Ending, result_of
from penstock_shared.contracts.events import JobFinished, JobRequested
from penstock_shared.contracts.jobs import Job, JobResult, JobState
from penstock_shared.decisions import Decision, Record, Write, already_done, stale

MAX_ATTEMPTS = 3
"""Attempts whose runner may die before the job is given up: the job probably kills it."""


class JobRunState(StrEnum):
    """The state of a job's execution."""

    LEASED = "leased"
    RELEASED = "released"
    FINISHED = "finished"


class JobRun(Record):
    """The execution of one job, over all its attempts."""

    transitions: ClassVar[Mapping[JobRunState, frozenset[JobRunState]]] = {
        # leased -> leased: the holder extends the lease, or another runner takes an ended one.
        JobRunState.LEASED: frozenset(JobRunState),
        # A runner released it when it shut down, or when the runner itself failed.
        JobRunState.RELEASED: frozenset({JobRunState.LEASED, JobRunState.FINISHED}),
        JobRunState.FINISHED: frozenset(),
    }

    state: JobRunState
    flow_id: str
    job_id: str
    runner: str
    attempt: int
    deaths: int = 0
    """Attempts that were neither finished nor released: their runner died."""
    started_at: AwareDatetime
    lease_until: AwareDatetime
    outcome: JobState | None = None

    def held_at(self, now: datetime) -> bool:
        """Whether a runner holds the lease at `now`."""
        return self.state is JobRunState.LEASED and now < self.lease_until

    def is_attempt(self, attempt: int) -> bool:
        """Whether this is the current attempt of an unfinished job."""
        return self.state is not JobRunState.FINISHED and self.attempt == attempt

    def is_of(self, claim: "JobClaim") -> bool:
        """Whether this claim has written the record before, and only the answer was lost."""
        return (self.runner, self.started_at) == (claim.runner, claim.now)


Decide = Callable[[JobRun | None], Decision[JobRun]]


def key_of(job: Job) -> str:
    """The key of a job's record in the jobs table. A runner's role reaches those of its trust."""
    return f"job#{job.trust}#{job.job_id}"


@dataclass(frozen=True)
class JobClaim:
    """A runner's request to lease a job."""

    flow_id: str
    request: JobRequested
    runner: str
    now: datetime
    until: datetime


def take(current: JobRun | None, claim: JobClaim) -> Decision[JobRun]:
    """Lease the job to the claiming runner if it is free; give it up after too many deaths."""
    if current is None:
        return Write(_leased(claim, attempt=1, deaths=0))
    if current.state is JobRunState.FINISHED:
        return already_done(f"finished as {current.outcome} by attempt {current.attempt}")
    if current.is_of(claim):
        return Write(current)
    if current.held_at(claim.now):
        return stale(f"leased to {current.runner} until {current.lease_until:%H:%M:%S}")
    deaths = current.deaths + (current.state is JobRunState.LEASED)
    if deaths >= MAX_ATTEMPTS:
        return _given_up(current, claim, deaths)
    return Write(_leased(claim, current.attempt + 1, deaths))


def extend(current: JobRun | None, attempt: int, until: datetime) -> Decision[JobRun]:
    """Extend the lease if this attempt still holds it."""
    if current is None or not current.is_attempt(attempt):
        return _not_mine(current, attempt)
    return Write(current.model_copy(update={"lease_until": until}))


def release(current: JobRun | None, attempt: int) -> Decision[JobRun]:
    """Release the job unfinished, so that another runner can take it at once."""
    if current is None or not current.is_attempt(attempt):
        return _not_mine(current, attempt)
    return Write(current.model_copy(update={"state": JobRunState.RELEASED}))


def finish(current: JobRun | None, result: JobResult, proof: str) -> Decision[JobRun]:
    """Record the result of an attempt, with the event JobFinished that carries the job's proof."""
    if current is None or not current.is_attempt(result.attempt):
        return _not_mine(current, result.attempt)
    finished = JobFinished(result=result, proof=proof)
    return Write(_finished(current, result.state), [finished])


def _leased(claim: JobClaim, attempt: int, deaths: int) -> JobRun:
    return JobRun(
        state=JobRunState.LEASED,
        flow_id=claim.flow_id,
        job_id=claim.request.job.job_id,
        runner=claim.runner,
        attempt=attempt,
        deaths=deaths,
        started_at=claim.now,
        lease_until=claim.until,
    )


def _finished(run: JobRun, outcome: JobState) -> JobRun:
    return run.model_copy(update={"state": JobRunState.FINISHED, "outcome": outcome})


def _given_up(current: JobRun, claim: JobClaim, deaths: int) -> Write[JobRun]:
    reason = f"its runner died {deaths} times while it ran, the last time {current.runner}"
    ending = Ending(JobState.LOST, reason=reason)
    request = claim.request
    result = result_of(request.job, current.attempt, current.started_at, claim.now, ending)
    finished = JobFinished(result=result, proof=request.proof)
    return Write(_finished(current, JobState.LOST), [finished])


def _not_mine(current: JobRun | None, attempt: int) -> Decision[JobRun]:
    if current is None:
        return stale(f"attempt {attempt} is no longer on record")
    if current.state is JobRunState.FINISHED:
        return already_done(f"finished by attempt {current.attempt}")
    return stale(f"attempt {attempt} is past: {current.runner} has attempt {current.attempt}")
