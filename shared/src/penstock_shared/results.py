"""Decides which results of jobs a service believes, before they reach its records."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from penstock_shared.contracts.event import Event
from penstock_shared.contracts.events import JobFinished
from penstock_shared.contracts.jobs import Job, JobResult, JobState
from penstock_shared.decisions import Outcome, R, Result
from penstock_shared.observability import Telemetry
from penstock_shared.proofs import JobProofs

REFUSED_RESULTS = "RefusedResults"
"""The metric that counts results that are not believed."""


@dataclass(frozen=True)
class BelievedResults:
    """Drops the results that are not believed, with a line of log and a count for each."""

    proofs: JobProofs
    telemetry: Telemetry

    def proven(self, finished: Iterable[Event[JobFinished]]) -> list[JobResult]:
        """The results that carry the proof of their job."""
        believed = []
        for event in finished:
            if self.proofs.holds(event):
                believed.append(event.data.result)
            else:
                self._refuse(event.data.result, "it has not its job's proof")
        return believed

    def planned(
        self, results: Iterable[JobResult], job_of: Callable[[JobResult], Job | None]
    ) -> list[JobResult]:
        """The results without those whose outputs the plan did not ask for.

        A success that lacks an output that it must have comes back as a failure. `job_of` returns
        the job that the plan has at a result's place. A result of another job than that is left to
        the record's own decision.
        """

        def why_not(result: JobResult) -> str:
            job = job_of(result)
            return _unplanned(job, result) if job and job.job_id == result.job_id else ""

        return [_judged(job_of(one), one) for one in self.all_but(results, why_not)]

    def all_but(
        self, results: Iterable[JobResult], why_not: Callable[[JobResult], str]
    ) -> list[JobResult]:
        """The results for which `why_not` returns no reason to refuse them."""
        believed = []
        for result in results:
            if reason := why_not(result):
                self._refuse(result, reason)
            else:
                believed.append(result)
        return believed

    def _refuse(self, result: JobResult, reason: str) -> None:
        self.telemetry.logger.error("result refused", job_id=result.job_id, reason=reason)
        self.telemetry.count(REFUSED_RESULTS)


def _unplanned(job: Job, result: JobResult) -> str:
    """Why the outputs are not those of the job; empty if they are."""
    expected = {upload.name: upload for upload in job.outputs}
    for output in result.outputs:
        if output.name not in expected:
            return f"its job has no output {output.name!r}"
        if output.key != expected[output.name].key:
            return f"its output {output.name!r} has not the key that the plan gives it"
    return ""


def _judged(job: Job | None, result: JobResult) -> JobResult:
    """The result. A success that left not all that its job must leave is a failure."""
    if job is None or job.job_id != result.job_id or result.state is not JobState.SUCCEEDED:
        return result
    left = {output.name for output in result.outputs}
    missing = [one.path for one in job.outputs if one.required and one.name not in left]
    failed = {"state": JobState.FAILED, "reason": f"it left no {', '.join(missing)}"}
    return result.model_copy(update=failed) if missing else result


def none_believed(finished: Sequence[Event[JobFinished]]) -> Outcome[R]:
    """The outcome of results of which none is believed."""
    jobs = ", ".join(event.data.result.job_id for event in finished)
    return Outcome(Result.REFUSED, None, f"no result of {jobs} is believed")
