"""Handling one delivery of a message, with every failure in the order of the work."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

import pytest

from penstock_runner.domain.interruption import Shutdown, StopCause
from penstock_runner.domain.job_run import JobRun, JobRunState, key_of
from penstock_runner.use_cases import handle_request
from penstock_runner.use_cases.handle_request import HandleRequest
from penstock_runner.use_cases.intake import Intake
from penstock_runner.use_cases.keep_lease import stop_if_unwanted
from penstock_runner.use_cases.lease import Lease
from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.event import encode, make_event
from penstock_shared.contracts.events import FlowFailed, JobFinished, JobStarted
from penstock_shared.contracts.jobs import JobResult, JobState
from penstock_shared.observability import Telemetry
from penstock_shared.testing.fakes import FakeClock
from tests.support.builders import FLOW_ID, NOW, a_cause, a_result
from tests.unit.penstock_runner.fakes import (
    JOB_ID,
    FakeQueue,
    Table,
    a_job,
    a_message,
    a_request,
    shutting_down,
)

Work = Callable[[Lease], JobResult | None]


def succeed(lease: Lease) -> JobResult:
    return a_result(lease.job.job_id, attempt=lease.attempt)


def until_stopped(lease: Lease) -> None:
    """Work that ends on the stop order, without a result."""
    ordered = threading.Event()
    lease.stop.listen(ordered.set)
    assert ordered.wait(20)


@dataclass
class RunnerOnFakes:
    """A runner without AWS and processes."""

    table: Table = field(default_factory=Table)
    queue: FakeQueue = field(default_factory=FakeQueue)
    shutdown: Shutdown = field(default_factory=Shutdown)
    stopped: dict[str, str] = field(default_factory=dict)
    term: timedelta = timedelta(seconds=10)
    intake: Intake = field(default_factory=lambda: Intake(Trust.CHECK, confines=True))

    def handle(self, work: Work = succeed, **message: object) -> None:
        HandleRequest(
            queue=self.queue,
            records=self.table.records,
            publisher=self.table.publisher,
            run_job=work,
            intake=self.intake,
            stopped_because=self.stopped.get,
            telemetry=Telemetry("runner"),
            shutdown=self.shutdown,
            runner="ada",
            term=self.term,
        )(a_message(**message))  # type: ignore[arg-type]  # the fields of a message

    @property
    def record(self) -> JobRun:
        return self.table.store.items[key_of(a_job())].record

    @property
    def results(self) -> list[JobResult]:
        return [said.result for said in self.table.publisher.only(JobFinished)]


def test_a_job_is_leased_run_told_and_taken_off_the_queue() -> None:
    runner = RunnerOnFakes()

    runner.handle()

    assert [result.state for result in runner.results] == [JobState.SUCCEEDED]
    assert len(runner.queue.deleted) == 1
    assert runner.record.state is JobRunState.FINISHED
    assert runner.record.outcome is JobState.SUCCEEDED


def test_its_event_is_of_the_same_round_of_the_same_flow_and_trace() -> None:
    runner = RunnerOnFakes()

    runner.handle(body=a_request(hop=3))

    (said,) = runner.table.publisher.said
    assert (said.subject, said.hop, said.source) == (FLOW_ID, 3, "penstock/runner")
    assert said.traceparent.split("-")[1] == a_cause().traceparent.split("-")[1]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("not JSON", "not JSON: "),
        ("{}", "not a CloudEvents object"),
        (a_request().replace('"timeout":60', '"timeout":-1'), "not a valid job-requested: "),
        (
            encode(
                make_event(
                    FlowFailed(reason="no"),
                    flow_id=FLOW_ID,
                    source="penstock/build",
                    time=NOW,
                    traceparent=a_cause().traceparent,
                    hop=1,
                )
            ),
            "a runner does not act on flow-failed",
        ),
    ],
)
def test_a_message_that_nobody_can_act_on_is_refused_with_the_reason(
    body: str, reason: str
) -> None:
    runner = RunnerOnFakes()

    runner.handle(body=body)

    assert runner.queue.refused[0].startswith(reason)
    assert runner.table.store.items == {}


def test_whoever_asked_for_a_job_that_nobody_can_act_on_hears_that_it_is_lost() -> None:
    runner = RunnerOnFakes()

    runner.handle(body=a_request(hop=3).replace('"timeout":60', '"timeout":-1'))

    (answer,) = runner.table.publisher.said
    assert (answer.subject, answer.hop) == (FLOW_ID, 3)
    (result,) = runner.results
    assert (result.job_id, result.owner, result.state) == (JOB_ID, "build", JobState.LOST)
    assert result.reason.startswith("no runner can do this: not a valid job-requested")


def test_a_request_that_fails_by_no_fault_of_aws_is_given_up_after_five_tries() -> None:
    runner = RunnerOnFakes()
    runner.table.store.fails = [KeyError("lease_until"), KeyError("lease_until")]

    with pytest.raises(KeyError):
        runner.handle(received=4)
    runner.handle(received=5)

    assert [result.state for result in runner.results] == [JobState.LOST]
    assert "KeyError: 'lease_until' (" in runner.results[0].reason
    assert len(runner.queue.refused) == 1


def test_a_request_waits_for_aws_to_come_back_however_often_it_was_received() -> None:
    runner = RunnerOnFakes()
    runner.table.store.fails = [ConnectionError("down")]

    with pytest.raises(ConnectionError):
        runner.handle(received=50)

    assert runner.queue.refused == []


def fail(_: Lease) -> JobResult:
    raise OSError("no space left on device")


def test_a_job_that_a_runner_fails_at_is_given_back() -> None:
    runner = RunnerOnFakes()

    runner.handle(fail)

    assert runner.record.state is JobRunState.RELEASED
    assert runner.queue.hidden == [2]
    assert runner.results == []


def test_a_job_that_runners_keep_failing_at_is_lost_with_what_went_wrong_and_where() -> None:
    runner = RunnerOnFakes()

    runner.handle(fail, received=3)

    (result,) = runner.results
    assert result.state is JobState.LOST
    assert result.reason.startswith("the runner failed at it: OSError: no space left on device (")
    assert len(runner.queue.deleted) == 1


def test_a_job_that_another_runner_holds_is_put_back_until_that_lease_ends() -> None:
    runner = RunnerOnFakes()
    runner.table.lease("bob").take()
    runner.table.clock.advance(seconds=7.5)

    runner.handle(lambda _: pytest.fail("it must not run"))

    assert runner.queue.hidden == [3]
    assert runner.queue.deleted == []


class RunningClock(FakeClock):
    """A clock that moves by two seconds with each look."""

    def __call__(self) -> datetime:
        self.advance(seconds=2)
        return super().__call__()


def test_a_lease_that_ends_just_after_it_stood_in_the_way_leaves_the_job_its_message() -> None:
    """With the message deleted, nobody would ever run the job."""
    runner = RunnerOnFakes(Table(clock=RunningClock()))
    runner.table.lease("bob").take()
    runner.table.clock.advance(seconds=5)

    runner.handle(lambda _: pytest.fail("it must not run yet"))

    assert not runner.record.held_at(runner.table.clock.now)
    assert runner.queue.deleted == []
    assert runner.queue.hidden == [1]


@pytest.mark.parametrize(("received", "pause"), [(4, 10), (7, 10), (9, 32), (20, 900), (5000, 900)])
def test_the_second_message_of_a_long_job_is_put_back_for_longer_each_time(
    received: int, pause: int
) -> None:
    runner = RunnerOnFakes()
    runner.table.lease("bob").take()

    runner.handle(received=received)

    assert runner.queue.hidden == [pause]


def test_the_message_of_a_finished_job_is_deleted_and_says_nothing_again() -> None:
    runner = RunnerOnFakes()
    runner.handle()

    runner.handle(lambda _: pytest.fail("it must not run again"))

    assert len(runner.queue.deleted) == 2
    assert len(runner.results) == 1


def test_what_a_runner_died_before_saying_is_said_when_the_message_comes_again() -> None:
    runner = RunnerOnFakes()
    bob = runner.table.lease("bob")
    bob.take()
    runner.table.publisher.fails = ConnectionError("killed here")
    with pytest.raises(ConnectionError):
        bob.finish(a_result(JOB_ID))
    runner.table.publisher.fails = None

    runner.handle(lambda _: pytest.fail("it must not run again"))

    assert len(runner.results) == 1
    assert len(runner.queue.deleted) == 1


def test_a_job_that_kills_its_runners_is_given_up() -> None:
    runner = RunnerOnFakes()
    for _ in range(3):
        runner.table.lease("bob").take()
        runner.table.clock.advance(seconds=10)

    runner.handle(lambda _: pytest.fail("it must not run again"))

    assert [result.state for result in runner.results] == [JobState.LOST]
    assert len(runner.queue.deleted) == 1


def test_a_late_result_is_not_told_and_the_message_is_left_to_whoever_has_the_job() -> None:
    runner = RunnerOnFakes()

    def be_overtaken(lease: Lease) -> JobResult:
        runner.table.clock.advance(seconds=10)
        runner.table.lease("bob").take()
        return succeed(lease)

    runner.handle(be_overtaken)

    assert runner.results == []
    assert runner.queue.deleted == []


def test_a_result_is_told_when_an_outage_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handle_request, "RECORDING_PAUSES", (0.01, 0.01, 0.01))
    runner = RunnerOnFakes()

    def work(lease: Lease) -> JobResult:
        runner.table.store.fails = [ConnectionError("down"), ConnectionError("still down")]
        return succeed(lease)

    runner.handle(work)

    assert len(runner.results) == 1
    assert len(runner.queue.deleted) == 1


def test_a_result_that_was_recorded_is_said_when_an_outage_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handle_request, "RECORDING_PAUSES", (0.01,))
    runner = RunnerOnFakes()

    def end_of_outage(_: float) -> None:
        runner.table.publisher.fails = None

    def work(lease: Lease) -> JobResult:
        runner.table.publisher.fails = ConnectionError("no SNS")
        monkeypatch.setattr(runner.shutdown.begun, "wait", end_of_outage)
        return succeed(lease)

    runner.handle(work)

    assert len(runner.results) == 1
    assert runner.table.store.items[key_of(a_job())].pending == ()


def test_a_result_that_cannot_be_told_at_all_leaves_the_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handle_request, "RECORDING_PAUSES", (0.01,))
    runner = RunnerOnFakes()

    def work(lease: Lease) -> JobResult:
        runner.table.store.fails = [ConnectionError("down")] * 9
        return succeed(lease)

    with pytest.raises(ConnectionError):
        runner.handle(work)

    assert runner.queue.deleted == []


def test_a_runner_that_is_told_to_stop_gives_its_job_back_at_once() -> None:
    runner = RunnerOnFakes()

    def work(lease: Lease) -> None:
        runner.shutdown.begin()
        until_stopped(lease)

    runner.handle(work)

    assert runner.record.state is JobRunState.RELEASED
    assert runner.queue.hidden == [0]
    assert runner.results == []


def test_a_job_that_ended_just_before_the_runner_must_is_told() -> None:
    runner = RunnerOnFakes()

    def work(lease: Lease) -> JobResult:
        runner.shutdown.begin()
        return succeed(lease)

    runner.handle(work)

    assert len(runner.results) == 1


def test_a_runner_that_stops_gives_back_what_it_only_just_received() -> None:
    runner = RunnerOnFakes(shutdown=shutting_down())

    runner.handle(until_stopped)

    assert runner.record.state is JobRunState.RELEASED


def test_a_short_job_costs_nothing_beside_its_lease() -> None:
    runner = RunnerOnFakes()

    runner.handle()

    assert runner.table.publisher.only(JobStarted) == []
    assert runner.queue.hidden == []


def test_a_job_that_lasts_is_announced_once() -> None:
    runner = RunnerOnFakes(stopped={})

    def work(lease: Lease) -> JobResult:
        await_said(runner, JobStarted)
        return succeed(lease)

    runner.handle(work)

    (started,) = runner.table.publisher.only(JobStarted)
    assert (started.job_id, started.attempt) == (JOB_ID, 1)
    assert started.log_stream == f"check/{FLOW_ID}/{JOB_ID}/1"
    assert started.started_at == runner.results[0].started_at == NOW


def test_a_job_whose_flow_was_stopped_is_cancelled() -> None:
    runner = RunnerOnFakes(stopped={FLOW_ID: "flow aborted by ada: wrong button"})

    def work(lease: Lease) -> JobResult:
        until_stopped(lease)
        assert lease.stop.order is not None
        assert lease.stop.order.why is StopCause.CANCELLED
        reason = lease.stop.order.reason
        return succeed(lease).model_copy(update={"state": JobState.CANCELLED, "reason": reason})

    runner.handle(work)

    assert [result.reason for result in runner.results] == ["flow aborted by ada: wrong button"]


def test_a_waiting_job_of_a_stopped_flow_is_dropped_unseen() -> None:
    runner = RunnerOnFakes(stopped={FLOW_ID: "flow aborted"})
    runner.table.clock.advance(seconds=6)

    runner.handle()

    assert len(runner.queue.deleted) == 1
    assert runner.results == []
    assert runner.table.store.items == {}


def test_a_waiting_deployment_of_a_stopped_flow_is_told_as_cancelled() -> None:
    runner = RunnerOnFakes(stopped={FLOW_ID: "flow aborted"})
    runner.table.clock.advance(seconds=6)
    orders: list[StopCause] = []

    def work(lease: Lease) -> JobResult:
        assert lease.stop.order is not None
        orders.append(lease.stop.order.why)
        return succeed(lease)

    runner.handle(work, body=a_request(a_job(environment="staging", token=1)))

    assert orders == [StopCause.CANCELLED]
    assert len(runner.results) == 1


def test_a_job_that_undoes_a_stopped_flow_runs() -> None:
    stopped = {FLOW_ID: "flow aborted"}
    lease = Table().lease(job=a_job(despite_stop=True))

    stop_if_unwanted(lease, stopped.get)

    assert lease.stop.order is None


def test_a_lease_is_extended_while_the_job_runs_and_its_message_stays_hidden() -> None:
    runner = RunnerOnFakes(term=timedelta(seconds=1))

    def work(lease: Lease) -> JobResult:
        before = runner.record.lease_until
        runner.table.clock.advance(seconds=60)
        await_that(lambda: runner.record.lease_until > before)
        await_that(lambda: bool(runner.queue.hidden))
        return succeed(lease)

    runner.handle(work)

    assert set(runner.queue.hidden) == {2}
    assert len(runner.results) == 1


def test_a_runner_that_finds_its_lease_lost_stops_and_says_nothing() -> None:
    runner = RunnerOnFakes(term=timedelta(seconds=1))

    def work(lease: Lease) -> None:
        runner.table.clock.advance(seconds=60)
        runner.table.lease("bob").take()
        until_stopped(lease)
        assert lease.stop.order is not None
        assert lease.stop.order.why is StopCause.LEASE_LOST

    runner.handle(work)

    assert runner.results == []
    assert runner.queue.deleted == []
    assert 0 not in runner.queue.hidden


def test_a_heartbeat_that_fails_is_tried_again_until_the_lease_ends() -> None:
    runner = RunnerOnFakes(term=timedelta(seconds=1))

    def work(lease: Lease) -> JobResult:
        runner.table.store.fails = [ConnectionError("down")]
        ends = lease.stop.lease_ends
        await_that(lambda: lease.stop.lease_ends > ends)
        assert monotonic() < lease.stop.lease_ends
        return succeed(lease)

    runner.handle(work)

    assert len(runner.results) == 1


def test_the_keeper_ends_with_the_work() -> None:
    before = threading.active_count()

    RunnerOnFakes().handle()

    assert threading.active_count() == before


def await_said(runner: RunnerOnFakes, data_class: type[JobStarted]) -> None:
    await_that(lambda: bool(runner.table.publisher.only(data_class)))


def await_that(condition: Callable[[], bool]) -> None:
    until = monotonic() + 20
    pause = threading.Event()
    while not condition():
        assert monotonic() < until, "nothing happened"
        pause.wait(0.01)
