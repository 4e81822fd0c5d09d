"""Two flows want one environment: one writer at a time, in the mode that was asked for."""

import pytest

from deployer_service.domain.deployment.model import DeploymentState
from penstock_shared.contracts.events import FlowSuperseded
from penstock_shared.contracts.plan import EnvironmentMode
from tests.unit.deployer_service.world import World, by_command

QUEUE, SUPERSEDE, PARALLEL = EnvironmentMode


@pytest.mark.parametrize("mode", [QUEUE, SUPERSEDE])
def test_a_second_later_flow_waits_until_the_first_is_done(mode: EnvironmentMode) -> None:
    world = World()
    first, second = world.flow(1, mode=mode), world.flow(2, mode=mode)

    world.pass_tests(first)
    world.pass_tests(second)
    assert world.state(first) is DeploymentState.DEPLOYING
    assert world.state(second) is DeploymentState.WAITING
    world.settle()

    assert world.state(second) is DeploymentState.DONE
    assert [done.token for done in world.done()] == [1, 2]
    assert world.running.of("staging") == {"orders": second.version}


def test_in_queue_mode_all_get_their_turn_in_the_order_in_which_they_came() -> None:
    world = World()
    flows = [world.flow(number, mode=QUEUE) for number in (1, 3, 2, 4)]

    for flow in flows:
        world.pass_tests(flow)
    world.settle()

    assert [done.deployment_id for done in world.done()] == [flow.deployment() for flow in flows]
    assert [done.token for done in world.done()] == [1, 2, 3, 4]


def test_in_supersede_mode_the_newest_of_those_who_wait_retires_the_others() -> None:
    world = World()
    first, second, third = (world.flow(number, mode=SUPERSEDE) for number in (1, 2, 3))

    for flow in (first, second, third):
        world.pass_tests(flow)
    world.settle()

    states = [world.state(flow) for flow in (first, second, third)]
    assert states == [DeploymentState.DONE, DeploymentState.SUPERSEDED, DeploymentState.DONE]


def test_in_supersede_mode_an_older_flow_that_comes_after_a_newer_one_retires() -> None:
    world = World()
    older, newer = world.flow(1, mode=SUPERSEDE), world.flow(2, mode=SUPERSEDE)
    world.pass_tests(newer)
    world.settle()

    world.pass_tests(older)
    world.settle()

    assert world.state(older) is DeploymentState.SUPERSEDED
    [superseded] = world.publisher.only(FlowSuperseded)
    assert newer.flow_id in superseded.reason
    assert world.running.of("staging") == {"orders": newer.version}


def test_in_supersede_mode_production_never_goes_back_to_an_older_flow() -> None:
    world = World()
    older, newer = world.flow(1, mode=SUPERSEDE), world.flow(2, mode=SUPERSEDE)
    for flow in (older, newer):
        world.pass_tests(flow)
        world.settle()

    world.promote(newer)
    world.settle()
    world.promote(older)
    world.settle()

    assert world.running.of("production") == {"orders": newer.version}
    assert world.state(older, "production") is DeploymentState.SUPERSEDED


def test_in_parallel_mode_nobody_waits() -> None:
    world = World()
    first, second = world.flow(1, mode=PARALLEL), world.flow(2, mode=PARALLEL)

    world.pass_tests(first)
    world.pass_tests(second)

    for flow in (first, second):
        assert world.state(flow) is DeploymentState.DEPLOYING
    world.settle()
    assert len(world.done()) == 2
    assert world.holder() == ""
    place = world.environment().place("orders")
    assert place.current
    assert place.current.version == world.running.of("staging")["orders"]


def test_in_parallel_mode_too_what_runs_already_is_skipped_and_what_was_good_comes_back() -> None:
    world = World()
    world.release(good := world.flow(1, mode=PARALLEL))
    world.pass_tests(same := world.flow(2, by_command("orders", content="1"), mode=PARALLEL))
    assert world.state(same) is DeploymentState.DONE
    world.pass_tests(bad := world.flow(3, mode=PARALLEL))
    world.settle()

    world.abort(bad)
    world.settle()

    assert world.running.of("staging") == {"orders": good.version}
    assert world.state(bad) is DeploymentState.ROLLED_BACK


def test_two_repositories_do_not_share_an_environment_of_the_same_name() -> None:
    world = World()
    first, second = world.flow(1), world.flow(2)
    elsewhere = second.ref.model_copy(update={"repository": "acme/other"})
    second.ref = elsewhere

    world.pass_tests(first)
    world.pass_tests(second)

    for flow in (first, second):
        assert world.state(flow) is DeploymentState.DEPLOYING


def test_the_one_that_waits_is_stopped_without_a_trace_in_the_environment() -> None:
    world = World()
    world.pass_tests(world.flow(1, mode=QUEUE))
    world.pass_tests(waiting := world.flow(2, mode=QUEUE))
    world.pass_tests(last := world.flow(3, mode=QUEUE))

    world.abort(waiting)
    world.settle()

    assert world.state(waiting) is DeploymentState.STOPPED
    assert world.state(last) is DeploymentState.DONE
    assert waiting.deployment() not in {write[2] for write in world.running.writes}
