"""Messages come twice, late, and in any order; whoever handles them may die at any point."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Any

import pytest

from deployer_service.domain.deployment.model import Deployment, DeploymentState
from deployer_service.domain.deployment.step import Step
from deployer_service.domain.flow import flow_key, stop
from deployer_service.domain.messages import DeployComponentRequested, DeploymentCalled
from deployer_service.domain.ports import Performed
from deployer_service.use_cases.perform_step import PerformStep
from deployer_service.use_cases.record_result import RecordJobs, RecordResults
from penstock_shared.contracts.event import Event, EventData
from penstock_shared.contracts.events import (
    DeployDone,
    FlowAborted,
    FlowFailed,
    JobRequested,
    ReleasePromoted,
    RolledBack,
    TestsPassed,
)
from penstock_shared.contracts.plan import EnvironmentMode, ObjectRef
from penstock_shared.decisions import Cause, Result
from penstock_shared.persistence.outbox import Stored
from penstock_shared.testing.fakes import InMemoryRecordStore, RecordingPublisher
from tests.support.builders import BELIEVED, a_result, finished
from tests.unit.deployer_service.world import Flow, World, by_command, by_lambda


@dataclass
class LockedStore(InMemoryRecordStore[Any]):
    """The version check and the write as one, as DynamoDB does it."""

    lock: RLock = field(default_factory=RLock)

    def put(self, key: str, stored: Stored[Any]) -> None:
        with self.lock:
            super().put(key, stored)

    def clear(self, key: str, stored: Stored[Any]) -> None:
        with self.lock:
            super().clear(key, stored)

    def due(self, now: datetime) -> Sequence[str]:
        with self.lock:
            return super().due(now)


@dataclass
class FailsOnce(RecordingPublisher):
    """Refuses the publication with this number, counted from now, and no other."""

    at: int = -1

    def publish(self, events: Sequence[Event[EventData]]) -> None:
        self.at -= 1
        if self.at == -1:
            raise ConnectionError("gone before it was said")
        super().publish(events)


def ten_times_at_once(world: World, event: Event[EventData]) -> None:
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(world.deliver, [event] * 10))


@pytest.mark.parametrize("mode", EnvironmentMode)
def test_every_message_ten_times_at_once_has_its_effect_once(mode: EnvironmentMode) -> None:
    world = World(store=LockedStore())
    flow = world.flow(1, by_command("orders"), by_lambda("customers"), mode=mode)

    for event in (TestsPassed(flow=flow.ref), ReleasePromoted(flow=flow.ref, version="v")):
        ten_times_at_once(world, flow.event(event))
        world.take_in()
        jobs, steps = {job.job_id: job for job in world.jobs}, {s.id: s for s in world.steps}
        world.jobs, world.steps = [], []
        for job in jobs.values():
            ten_times_at_once(world, world.finished(world.runner(job), job))
        for step in steps.values():
            ten_times_at_once(world, step)
    ten_times_at_once(world, flow.event(TestsPassed(flow=flow.ref)))
    world.take_in()

    ids = [event.id for event in world.publisher.said if isinstance(event.data, DeployDone)]
    assert len(set(ids)) == 2
    assert world.state(flow, "production") is DeploymentState.DONE
    assert world.running.of("production") == dict.fromkeys(["orders", "customers"], flow.version)
    assert (world.holder(), world.holder("production")) == ("", "")
    assert world.environment().waiting == ()


@pytest.mark.parametrize("mode", EnvironmentMode)
def test_a_stop_ten_times_at_once_rolls_back_once(mode: EnvironmentMode) -> None:
    world = World(store=LockedStore())
    world.release(good := world.flow(1, mode=mode))
    world.pass_tests(bad := world.flow(2, mode=mode))
    world.settle()

    ten_times_at_once(world, bad.event(FlowAborted(reason="no good")))
    world.take_in()
    world.jobs = list({job.job_id: job for job in world.jobs}.values())
    assert [job.name for job in world.jobs] == ["rollback"]
    world.settle()

    assert world.running.of("staging") == {"orders": good.version}
    assert world.holder() == ""


def test_messages_in_reverse_order_deploy_nothing_of_a_stopped_flow() -> None:
    world = World()
    flow = world.flow(1)

    world.deliver(flow.event(FlowAborted(reason="no good")))
    world.deliver(flow.event(ReleasePromoted(flow=flow.ref, version="v")))
    world.deliver(flow.event(TestsPassed(flow=flow.ref)))

    assert world.publisher.said == []
    assert (world.holder(), world.holder("production")) == ("", "")


def test_a_request_for_a_step_that_comes_after_its_result_is_not_obeyed_again() -> None:
    world = World()
    flow = world.flow(1, by_lambda("orders"))
    world.pass_tests(flow)
    world.take_in()
    [request] = world.steps
    world.run_steps()
    writes = list(world.running.writes)

    outcome = world.deliver(request)

    assert outcome.result is Result.STALE
    assert world.running.writes == writes


def test_a_step_that_nobody_can_do_fails_its_flow_and_frees_the_environment() -> None:
    world = World()
    world.pass_tests(world.flow(1, by_lambda("orders")))
    world.take_in()
    (asked,) = world.steps
    assert isinstance(asked.data, DeployComponentRequested)
    perform = PerformStep(world.ledger, {}, RecordResults(world.ledger))

    perform.give_up(
        asked.data, "KeyError: 'orders' (lambda_driver.py:7, in deploy)", Cause.of(asked)
    )
    world.steps.clear()
    world.settle()

    (failed,) = world.publisher.only(FlowFailed)
    assert "nobody could do this step: KeyError: 'orders' (lambda_driver.py:7" in failed.reason
    assert world.environment().holder is None


def test_a_job_whose_end_nobody_can_take_in_fails_its_flow_and_frees_the_environment() -> None:
    world = World()
    good, flow = world.flow(1), world.flow(2)
    world.release(good)
    world.pass_tests(flow)
    world.take_in()
    (job,) = world.jobs
    ended = world.finished(world.runner(job), job)
    record = RecordJobs(RecordResults(world.ledger), BELIEVED)

    record.give_up(ended, "KeyError: 'x' (ledger.py:7); tried 5 times")
    world.jobs.clear()
    world.settle()

    (failed,) = world.publisher.only(FlowFailed)
    assert "nobody could take in how its job ended: KeyError: 'x'" in failed.reason
    assert world.running.of("staging") == {"orders": good.version}
    assert world.environment().holder is None


def test_a_rollback_whose_end_nobody_can_take_in_frees_the_environment_too() -> None:
    world = World()
    flow = world.flow(1)
    world.pass_tests(flow)
    world.settle()
    world.abort(flow)
    world.take_in()
    (job,) = world.jobs
    ended = world.finished(world.runner(job), job)

    RecordJobs(RecordResults(world.ledger), BELIEVED).give_up(ended, "no")

    assert world.state(flow) is DeploymentState.FAILED
    assert world.environment().holder is None


def test_a_call_that_nobody_can_handle_strands_the_flow_that_is_called() -> None:
    called = DeploymentCalled(deployment_id=f"{'b' * 20}.staging", token=2)

    assert called.strands("a" * 20) == "b" * 20


def test_a_step_function_that_wakes_up_without_its_lease_writes_nothing() -> None:
    """Its step timed out, the deployment rolled back, and the environment is somebody else's."""
    world = World()
    late = world.flow(1, by_lambda("orders"))
    world.pass_tests(late)
    world.take_in()
    [request] = world.steps
    place = world.environment()
    taken = place.model_copy(update={"token": place.token + 1})
    world.store.put(place.key, Stored(taken, 2))

    outcome = world.deliver(request)

    assert outcome.result is Result.STALE
    assert "no longer held" in outcome.reason
    assert world.running.writes == []


def test_a_step_function_that_wakes_up_after_its_step_was_given_up_writes_nothing() -> None:
    """The rollback may have run already, under the same token."""
    world = World()
    world.pass_tests(flow := world.flow(1, by_lambda("orders")))
    world.take_in()
    functions = world.functions.deploy

    def late(deployment: Deployment, step: Step, still_ours: Callable[[], None]) -> Performed:
        world.clock.advance(hours=1)
        world.sweep()
        return functions(deployment, step, still_ours)

    world.functions.deploy = late  # type: ignore[method-assign]  # it stalls, then does the same
    world.run_steps()

    assert world.state(flow) is DeploymentState.ROLLED_BACK
    assert world.running.of("staging") == {}
    assert [version for _, _, version in world.running.writes] == [flow.deployment()]


STORY: Sequence[Callable[[World, Flow], object]] = (
    lambda world, flow: world.pass_tests(flow),
    lambda world, _flow: world.settle(),
    lambda world, flow: world.promote(flow),
    lambda world, _flow: world.settle(),
    lambda world, flow: world.abort(flow),
    lambda world, _flow: world.settle(),
)


@pytest.mark.parametrize("crash_at", range(16))
def test_dying_between_the_write_and_the_publication_loses_and_repeats_nothing(
    crash_at: int,
) -> None:
    publisher = FailsOnce()
    world = World(publisher=publisher)
    world.release(good := world.flow(1, by_command("orders"), by_lambda("customers")))
    flow = world.flow(
        2, by_command("orders", content="2"), by_lambda("customers", "orders", content="2")
    )
    publisher.at = crash_at

    tell(world, flow)

    back = {event.id for event in publisher.said if isinstance(event.data, RolledBack)}
    assert len(back) == 2
    for environment in ("staging", "production"):
        assert world.running.of(environment) == dict.fromkeys(["orders", "customers"], good.version)
        assert world.holder(environment) == ""


@dataclass
class Throttles(InMemoryRecordStore[Any]):
    """Refuses the access with this number, counted from now, and no other."""

    at: int = -1

    def get(self, key: str) -> Stored[Any] | None:
        self._count()
        return super().get(key)

    def put(self, key: str, stored: Stored[Any]) -> None:
        self._count()
        super().put(key, stored)

    def clear(self, key: str, stored: Stored[Any]) -> None:
        self._count()
        super().clear(key, stored)

    def _count(self) -> None:
        self.at -= 1
        if self.at == -1:
            raise ConnectionError("the table throttles")


@pytest.mark.parametrize("throttled_at", range(55))
def test_a_table_that_throttles_loses_and_repeats_nothing(throttled_at: int) -> None:
    store = Throttles()
    world = World(store=store)
    world.release(good := world.flow(1))
    flow = world.flow(2, by_command("orders", content="2"), by_lambda("customers", content="2"))
    store.at = throttled_at

    tell(world, flow)

    assert store.at < -1, "the story has that many accesses"
    assert world.running.of("staging") == world.running.of("production") == {"orders": good.version}
    assert (world.holder(), world.holder("production")) == ("", "")


def tell(world: World, flow: Flow) -> None:
    """Let the story happen; what fails is delivered again."""
    for act in STORY:
        delivered, jobs, steps = world.delivered, list(world.jobs), list(world.steps)
        try:
            act(world, flow)
        except ConnectionError:
            world.delivered, world.jobs, world.steps = delivered, jobs, steps
            act(world, flow)


def test_what_was_never_said_is_said_by_the_sweeper() -> None:
    publisher = FailsOnce(at=0)
    world = World(publisher=publisher)
    flow = world.flow(1)
    with pytest.raises(ConnectionError):
        world.pass_tests(flow)
    assert publisher.only(JobRequested) == []

    world.clock.advance(minutes=2)
    world.sweep()
    world.settle()

    assert world.state(flow) is DeploymentState.DONE
    assert len(publisher.only(DeployDone)) == 1


def test_a_job_that_never_answers_fails_the_deployment_which_says_what_it_waited_for() -> None:
    world = World()
    world.pass_tests(flow := world.flow(1))
    world.take_in()
    world.jobs.clear()

    world.clock.advance(hours=2)
    world.sweep()

    [failed] = world.publisher.only(FlowFailed)
    assert failed.reason == (
        "orders could not be deployed to staging: "
        "the command driver gave no answer to its deploy within 1:10:00"
    )
    assert world.state(flow) is DeploymentState.STOPPING, "the command may be at work still"
    assert world.jobs == []

    world.clock.advance(minutes=15)
    world.sweep()
    world.settle()

    assert world.state(flow) is DeploymentState.ROLLED_BACK
    assert world.holder() == ""


def test_a_command_that_ends_after_it_was_given_up_is_undone_after_it() -> None:
    world = World()
    world.release(good := world.flow(1))
    world.pass_tests(world.flow(2))
    world.take_in()
    [slow] = world.jobs
    world.jobs.clear()
    world.clock.advance(hours=2)
    world.sweep()
    assert world.jobs == []

    world.deliver(world.finished(world.runner(slow), slow))
    world.settle()

    assert world.running.of("staging") == {"orders": good.version}


def test_a_rollback_that_never_answers_ends_too() -> None:
    world = World()
    world.pass_tests(flow := world.flow(1))
    world.settle()
    world.abort(flow)
    world.take_in()
    world.jobs.clear()

    world.clock.advance(hours=2)
    world.sweep()

    assert world.state(flow) is DeploymentState.FAILED
    assert world.holder() == ""


def test_a_deployment_that_waits_too_long_for_its_environment_gives_up_and_says_so() -> None:
    world = World()
    world.pass_tests(world.flow(1))
    world.pass_tests(flow := world.flow(2))
    world.clock.advance(minutes=61)

    world.sweep()

    assert world.state(flow) is DeploymentState.FAILED
    [failed] = world.publisher.only(FlowFailed)
    assert failed.reason.startswith("waited for the environment staging since 2026-01-02 03:04:05")
    assert world.environment().waiting == ()


def test_a_sweep_finds_nothing_to_do_where_nothing_is_late() -> None:
    world = World()
    world.pass_tests(world.flow(1))
    said = len(world.publisher.said)

    assert world.sweep() == 0
    assert len(world.publisher.said) == said


def test_an_environment_whose_holder_died_before_it_was_written_is_freed() -> None:
    world = World()
    flow = world.flow(1)
    store = world.store

    class Dies(InMemoryRecordStore[Any]):
        def get(self, key: str) -> Stored[Any] | None:
            return store.get(key)

        def put(self, key: str, stored: Stored[Any]) -> None:
            if key == flow.deployment():
                raise ConnectionError("died")
            store.put(key, stored)

    mortal = World(store=Dies(), publisher=world.publisher)
    mortal.objects = world.objects
    with pytest.raises(ConnectionError):
        mortal.pass_tests(flow)
    assert world.holder() == flow.deployment()

    world.clock.advance(minutes=16)
    world.sweep()

    assert world.holder() == ""


def test_an_environment_that_is_held_for_long_by_one_that_is_at_it_stays_held() -> None:
    world = World()
    world.pass_tests(flow := world.flow(1))
    for _ in range(3):
        world.clock.advance(minutes=16)
        world.sweep()

    assert world.holder() == flow.deployment()
    assert world.state(flow) is DeploymentState.DEPLOYING


def test_a_deployment_that_died_before_it_let_go_of_its_environment_is_helped_out() -> None:
    """The record says that it is done, the environment does not know yet."""
    world = World()
    flow = world.flow(1)
    store = world.store
    world.pass_tests(flow)
    world.take_in()
    [job] = world.jobs
    held = store.get(world.environment().key)
    world.run_jobs()
    assert held
    gone_back = store.get(world.environment().key)
    assert gone_back
    store.put(gone_back.record.key, Stored(held.record, gone_back.version + 1))
    assert world.holder() == flow.deployment()

    world.clock.advance(minutes=16)
    world.sweep()

    assert world.holder() == ""
    assert world.environment().place("orders").current
    assert job.record == flow.deployment()


def test_a_job_that_the_deployer_never_asks_for_is_refused() -> None:
    world = World()
    flow = world.flow(1)
    strange = a_result(owner="deployer", record=flow.deployment(), name="build")

    outcome = world.deliver(flow.event(finished(strange, flow.flow_id)))

    assert outcome.result is Result.REFUSED


def test_a_step_request_carries_the_token_of_its_hold() -> None:
    world = World()
    world.release(world.flow(1, by_lambda("orders")))
    world.pass_tests(world.flow(2, by_lambda("orders", content="2")))

    assert [request.token for request in world.publisher.only(DeployComponentRequested)] == [
        1,
        1,
        2,
    ]


def test_one_record_that_cannot_be_helped_does_not_keep_the_sweeper_from_the_others() -> None:
    world = World()
    one = world.flow(1, mode=EnvironmentMode.PARALLEL)
    other = world.flow(2, mode=EnvironmentMode.PARALLEL)
    for flow in (one, other):
        world.pass_tests(flow)
    healthy = world.store.get

    def breaks(key: str) -> Stored[Any] | None:
        if key == one.deployment():
            raise ConnectionError("not this one")
        return healthy(key)

    world.store.get = breaks  # type: ignore[method-assign]  # a store of which one key is broken
    world.clock.advance(hours=2)

    assert world.sweep() == 2
    assert world.state(other) is not DeploymentState.DEPLOYING


def test_what_an_environment_or_a_flow_never_said_is_said_by_the_sweeper() -> None:
    publisher = FailsOnce()
    world = World(publisher=publisher)
    world.pass_tests(first := world.flow(1))
    world.pass_tests(second := world.flow(2))
    world.take_in()
    [job] = world.jobs
    world.jobs.clear()
    publisher.at = 1
    with pytest.raises(ConnectionError):
        world.deliver(world.finished(world.runner(job), job))
    assert world.state(first) is DeploymentState.DONE

    lost = world.flow(3)
    ref = lost.ref.model_copy(update={"plan": ObjectRef(key=lost.ref.plan.key, sha256="0" * 64)})
    publisher.at = 0
    with pytest.raises(ConnectionError):
        world.deliver(lost.event(TestsPassed(flow=ref)))
    world.sweep()
    world.settle()

    assert world.state(second) is DeploymentState.DONE
    assert len(publisher.only(FlowFailed)) == 1


@pytest.mark.parametrize("promoted", [False, True], ids=["in-staging", "in-production"])
def test_a_flow_whose_stop_died_halfway_is_stopped_by_the_sweeper(*, promoted: bool) -> None:
    world = World()
    world.release(good := world.flow(1))
    world.pass_tests(flow := world.flow(2))
    if promoted:
        world.settle()
        world.promote(flow)
    world.take_in()

    world.ledger.flows.change(
        flow_key(flow.flow_id),
        Cause.of(flow.event(FlowAborted(reason="no good"))),
        lambda known: stop(known, flow.flow_id, "no good", world.clock()),
    )

    world.clock.advance(minutes=6)
    world.sweep()
    world.settle()

    for environment in ("staging", "production"):
        assert world.running.of(environment) == {"orders": good.version}
        assert world.holder(environment) == ""
    assert world.sweep() == 0
