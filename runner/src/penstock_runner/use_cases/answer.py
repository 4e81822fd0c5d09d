"""Results for jobs that no runner can run: lost, with the reason, so that nothing waits."""

from datetime import datetime

from pydantic_core import from_json

from penstock_runner.domain.results import LONGEST_TEXT, Ending, result_of
from penstock_runner.use_cases.lease import Lease
from penstock_shared.contracts.event import Event, EventData, make_event, read_envelope
from penstock_shared.contracts.events import JobFinished
from penstock_shared.contracts.jobs import JobResult, JobState

SOURCE = "penstock/runner"
IDENTITY = ("job_id", "trust", "owner", "record", "position", "name", "component")
"""The fields that a request and its result share."""


def lost(lease: Lease, reason: str) -> JobResult:
    """The result of a leased job that failed because of the runner."""
    ending = Ending(JobState.LOST, reason=reason)
    now = lease.records.clock()
    return result_of(lease.job, lease.attempt, lease.started_at, now, ending)


def answer_to(body: str, reason: str, now: datetime) -> Event[EventData] | None:
    """The answer to a request that cannot be handled; None if it does not name its sender."""
    envelope = read_envelope(body)
    finished = _finished(body, reason, now)
    if envelope is None or finished is None:
        return None
    return make_event(
        finished,
        flow_id=envelope.subject,
        source=SOURCE,
        time=now,
        traceparent=envelope.traceparent,
        hop=envelope.hop,
    )


def _finished(body: str, reason: str, now: datetime) -> JobFinished | None:
    try:
        data = from_json(body)["data"]
        job = data["job"]
        result = JobResult(
            **{field: job[field] for field in IDENTITY if field in job},
            state=JobState.LOST,
            started_at=now,
            finished_at=now,
            reason=reason[:LONGEST_TEXT],
        )
        return JobFinished(result=result, proof=data.get("proof"))
    except (KeyError, TypeError, ValueError):
        return None
