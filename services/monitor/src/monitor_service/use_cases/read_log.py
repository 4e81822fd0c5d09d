"""Read what a job printed."""

from collections.abc import Sequence
from dataclasses import dataclass

from monitor_service.domain.errors import NoSuchJobError
from monitor_service.domain.facts import FLOW, JOB, facts_of
from monitor_service.domain.jobs import every_job
from monitor_service.domain.ports import FactStore, LogPage, LogSource, PrintedLine
from monitor_service.domain.view import JobView


@dataclass(frozen=True)
class LogReading:
    """Some of a job's lines. `more` is whether asking with `next` may bring others."""

    job: JobView
    lines: Sequence[PrintedLine]
    next: str
    more: bool


@dataclass(frozen=True)
class ReadLog:
    """Finds a job's newest attempt and reads its stream."""

    store: FactStore
    logs: LogSource

    def __call__(self, flow_id: str, job_id: str, after: str | None = None) -> LogReading:
        """What follows `after`, an earlier answer's `next`; all of it if a new attempt began since.

        Raises NoSuchJobError, and BadRequestError for an `after` that is none.
        """
        job = self._job(flow_id, job_id)
        attempt, _, token = (after or "").partition(":")
        known = token if attempt == str(job.attempts) else ""
        page = self.logs.read(job.log_stream, known) if job.log_stream else LogPage((), "")
        more = page.next != known or not job.final
        return LogReading(job, page.lines, f"{job.attempts}:{page.next}", more)

    def _job(self, flow_id: str, job_id: str) -> JobView:
        # A flow that failed knows of the job it failed of before the job's own facts are there.
        found = self.store.facts_of_part(flow_id, f"{JOB}{job_id}")
        jobs = every_job(facts_of(flow_id, found or self.store.facts_of_part(flow_id, FLOW)))
        job = next((job for job in jobs if job.job_id == job_id), None)
        if job is None:
            raise NoSuchJobError(f"flow {flow_id} has no job {job_id}")
        return job
