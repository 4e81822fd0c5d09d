"""Handle one message of the jobs queue."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from penstock_runner.domain.interruption import Shutdown, StopCause
from penstock_runner.domain.job_run import JobRun, JobRunState
from penstock_runner.domain.ports import Delivery, JobQueue
from penstock_runner.use_cases.answer import SOURCE, answer_to, lost
from penstock_runner.use_cases.intake import Intake
from penstock_runner.use_cases.keep_lease import LeaseKeeper, StoppedBecause, stop_if_unwanted
from penstock_runner.use_cases.lease import Lease, is_recorded
from penstock_runner.use_cases.run_job import stream_of
from penstock_shared.aws import errors
from penstock_shared.clock import utc_now
from penstock_shared.contracts.event import Event, EventData, decode, make_event
from penstock_shared.contracts.events import JobRequested, JobStarted
from penstock_shared.contracts.jobs import JobResult
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.errors import RefusedMessageError, describe
from penstock_shared.observability import Telemetry
from penstock_shared.persistence.outbox import Publisher, Records

TRIES = 5
"""Tries of a request that fails before its job is leased. Outages of AWS do not count: the request
is not at fault."""
ATTEMPTS = 3
"""Tries of a job that fails because of the runner."""
LONGEST_PAUSE = 900
"""The most seconds for which a duplicate message of a running job is hidden."""
PATIENT_DELIVERIES = 4
"""Deliveries after which that time doubles with each, so that a duplicate message of a long job
does not become a dead letter."""
LONG_WAIT = timedelta(seconds=5)
"""How long a job may wait before the runner first checks that its flow was not stopped."""
RECORDING_PAUSES = (0.2, 0.5, 1, 2, *[5] * 60)
"""Seconds between attempts to record a result while AWS cannot be reached. Five minutes in all, so
that a short outage does not make a long job run again."""


@dataclass(frozen=True)
class HandleRequest:
    """Leases the job of a message, runs it, records and publishes the result, deletes the message.

    `records` makes a view of the jobs table for one job.
    """

    queue: JobQueue
    records: Callable[[], Records[JobRun]]
    publisher: Publisher
    run_job: Callable[[Lease], JobResult | None]
    intake: Intake
    stopped_because: StoppedBecause
    telemetry: Telemetry
    shutdown: Shutdown
    runner: str
    term: timedelta

    def __call__(self, message: Delivery) -> None:
        """Handle one delivery. If this raises, the message stays in the queue and becomes visible
        again.
        """
        try:
            event, request = read_request(message.body)
            self.intake.check(request.job)
            with self.telemetry.event(event) as span, self.shutdown.signal() as stop:
                cause = Cause.of(event, span.traceparent)
                lease = Lease(self.records(), cause, request, self.runner, self.term, stop)
                span.outcome(self._handle(message, lease, event.time))
        except RefusedMessageError as error:
            self._refuse(message, str(error))
        except (errors.BotoCoreError, errors.ClientError, OSError):
            raise
        except Exception as error:
            if message.received < TRIES:
                raise
            self._refuse(message, f"{describe(error)}; tried {message.received} times")

    def _refuse(self, message: Delivery, reason: str) -> None:
        """Publish that the job is lost, and move the message to the dead-letter queue."""
        self.telemetry.logger.error("request refused", reason=reason)
        answer = answer_to(message.body, f"no runner can do this: {reason}", utc_now())
        if answer:
            self.publisher.publish([answer])
        self.queue.refuse(message, reason)

    def _handle(self, message: Delivery, lease: Lease, requested_at: datetime) -> str:
        waited_long = lease.records.clock() - requested_at > LONG_WAIT
        if waited_long and self._is_dropped(message, lease):
            return "dropped: its flow was stopped"
        outcome = lease.take()
        run = outcome.record
        if outcome.applied and run and run.state is JobRunState.LEASED:
            if waited_long:
                stop_if_unwanted(lease, self.stopped_because)
            return self._work(message, lease)
        # By its state and not by the clock: the lease that stood in the way may end at this moment.
        if run and run.state is not JobRunState.FINISHED:
            self.queue.hide(message, _pause(message, run.lease_until - lease.records.clock()))
            return f"put back: {outcome.reason}"
        self.queue.delete(message)
        return outcome.reason or f"given up after {lease.attempt} attempts"

    def _is_dropped(self, message: Delivery, lease: Lease) -> bool:
        """Drop the job without a result if its flow was stopped; whether it was dropped.

        Nothing waits for the result of a build or a gate of a stopped flow. A deployment waits for
        that of its jobs before it rolls back.
        """
        job = lease.job
        deploys = job.token is not None
        if job.despite_stop or deploys or not self.stopped_because(lease.cause.flow_id):
            return False
        self.queue.delete(message)
        return True

    def _work(self, message: Delivery, lease: Lease) -> str:
        try:
            with self._keeper(message, lease):
                result = self.run_job(lease)
        except Exception as error:
            self.telemetry.logger.exception("could not run a job")
            if message.received < ATTEMPTS:
                return self._try_again(message, lease)
            result = lost(lease, f"the runner failed at it: {describe(error)}")
        if result is None:
            return self._let_go(message, lease)
        outcome = self._record(lease, result)
        if is_recorded(outcome):
            self.queue.delete(message)
        return result.state if lease.is_finisher(outcome) else f"ignored: {outcome.reason}"

    def _keeper(self, message: Delivery, lease: Lease) -> LeaseKeeper:
        return LeaseKeeper(
            lease, self.queue, message, self.telemetry, self._announce, self.stopped_because
        )

    def _let_go(self, message: Delivery, lease: Lease) -> str:
        order = lease.stop.order
        if order and order.why is StopCause.SHUTDOWN:
            lease.release()
            self.queue.hide(message, 0)
        return f"let go: {order.reason}" if order else "let go"

    def _try_again(self, message: Delivery, lease: Lease) -> str:
        lease.release()
        self.queue.hide(message, 1 << message.received)
        return "put back: the runner failed at it"

    def _record(self, lease: Lease, result: JobResult) -> Outcome[JobRun]:
        for pause in self._pauses():
            try:
                return lease.finish(result)
            except RefusedMessageError:
                raise
            except Exception:
                self.telemetry.logger.warning("could not record the result yet", exc_info=True)
            self.shutdown.begun.wait(pause)
        return lease.finish(result)

    def _pauses(self) -> Iterator[float]:
        for pause in RECORDING_PAUSES:
            if self.shutdown.begun.is_set():
                return
            yield pause

    def _announce(self, lease: Lease) -> None:
        self.publisher.publish([started_event(lease)])


def read_request(body: str) -> tuple[Event[EventData], JobRequested]:
    """The event in a message of the jobs queue.

    Raises RefusedMessageError for anything that a runner does not handle.
    """
    event = decode(body)
    if not isinstance(event.data, JobRequested):
        raise RefusedMessageError(f"a runner does not act on {event.type}")
    return event, event.data


def started_event(lease: Lease) -> Event[EventData]:
    """The event that says that a job is running."""
    job = lease.job
    data = JobStarted(
        job_id=job.job_id,
        owner=job.owner,
        position=job.position,
        name=job.name,
        component=job.component,
        environment=job.environment,
        attempt=lease.attempt,
        started_at=lease.started_at,
        log_stream=stream_of(lease),
        trust=job.trust,
        proof=lease.request.proof,
    )
    cause = lease.cause
    return make_event(
        data,
        flow_id=cause.flow_id,
        source=SOURCE,
        time=lease.records.clock(),
        traceparent=cause.traceparent,
        hop=cause.hop + data.advances,
    )


def _pause(message: Delivery, remaining: timedelta) -> int:
    patient = 1 << max(0, message.received - PATIENT_DELIVERIES)
    return max(ceil(remaining.total_seconds()), min(patient, LONGEST_PAUSE))
