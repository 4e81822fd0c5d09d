"""One runner's lease of one job."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from penstock_runner.domain import job_run
from penstock_runner.domain.interruption import StopSignal
from penstock_runner.domain.job_run import JobClaim, JobRun, key_of
from penstock_shared.contracts.events import JobRequested
from penstock_shared.contracts.jobs import Job, JobResult
from penstock_shared.decisions import Cause, Outcome, Result
from penstock_shared.persistence.outbox import Records


@dataclass
class Lease:
    """One runner's changes of the record of one job. `attempt` is 0 until the lease is taken."""

    records: Records[JobRun]
    cause: Cause
    request: JobRequested
    runner: str
    term: timedelta
    stop: StopSignal
    attempt: int = field(default=0, init=False)
    started_at: datetime = field(init=False)

    @property
    def job(self) -> Job:
        """The leased job."""
        return self.request.job

    def take(self) -> Outcome[JobRun]:
        """Try to lease the job. It is leased if the outcome is applied and its record is leased."""
        asked_at = monotonic()
        now = self.records.clock()
        claim = JobClaim(self.cause.flow_id, self.request, self.runner, now, now + self.term)
        outcome = self._change(lambda run: job_run.take(run, claim), expect_new=True)
        if outcome.applied and outcome.record:
            self.attempt = outcome.record.attempt
            self.started_at = outcome.record.started_at
            self._holds_from(asked_at)
        return outcome

    def extend(self) -> Outcome[JobRun]:
        """Extend the lease by a term. Unless the outcome is applied, the lease is lost."""
        asked_at = monotonic()
        until = self.records.clock() + self.term
        outcome = self._change(lambda run: job_run.extend(run, self.attempt, until))
        if outcome.applied:
            self._holds_from(asked_at)
        return outcome

    def release(self) -> Outcome[JobRun]:
        """Release the job unfinished."""
        return self._change(lambda run: job_run.release(run, self.attempt))

    def finish(self, result: JobResult) -> Outcome[JobRun]:
        """Record and publish the result, unless another attempt has begun."""
        return self._change(lambda run: job_run.finish(run, result, self.request.proof))

    def is_finisher(self, outcome: Outcome[JobRun]) -> bool:
        """Whether this attempt finished the job."""
        return is_recorded(outcome) and bool(
            outcome.record and outcome.record.attempt == self.attempt
        )

    def _change(self, decide: job_run.Decide, *, expect_new: bool = False) -> Outcome[JobRun]:
        return self.records.change(key_of(self.job), self.cause, decide, expect_new=expect_new)

    def _holds_from(self, moment: float) -> None:
        self.stop.hold_until(moment + self.term.total_seconds(), monotonic())


def is_recorded(outcome: Outcome[JobRun]) -> bool:
    """Whether the result is recorded and published, by this write or an earlier one."""
    return outcome.result in {Result.APPLIED, Result.ALREADY_DONE}
