"""A stopped flow leaves its environments as they were, whenever the stop arrives."""

from collections.abc import Callable

import pytest

from deployer_service.domain.deployment.model import DeploymentState
from penstock_shared.contracts.events import (
    DeployDone,
    FlowFailed,
    FlowSuperseded,
    JobRequested,
    Phase,
    RolledBack,
)
from penstock_shared.contracts.jobs import JobState
from penstock_shared.decisions import Result
from tests.unit.deployer_service.world import (
    Flow,
    World,
    by_command,
    by_lambda,
    directions_of,
)


def test_a_flow_that_was_stopped_before_it_came_here_is_never_deployed() -> None:
    world = World()
    flow = world.flow(1)
    world.abort(flow)

    world.pass_tests(flow)
    world.promote(flow)
    world.settle()

    assert world.publisher.said == []
    assert world.state(flow) is None
    assert world.state(flow, "production") is None
    assert (world.holder(), world.holder("production")) == ("", "")


def test_a_flow_that_failed_at_its_gates_leaves_a_mark_that_stops_it_here() -> None:
    world = World()
    flow = world.flow(1)
    world.deliver(flow.event(FlowFailed(phase=Phase.TEST, reason="unit failed")))

    world.pass_tests(flow)

    assert world.state(flow) is None


def test_a_promotion_that_an_abort_overtook_deploys_nothing() -> None:
    world = World()
    flow = world.flow(1)
    world.pass_tests(flow)
    world.settle()
    world.abort(flow)
    world.settle()

    world.promote(flow)
    world.settle()

    assert world.state(flow, "production") is DeploymentState.STOPPED
    assert world.running.of("production") == {}
    assert world.holder("production") == ""


def waiting(world: World, flow: Flow) -> None:
    world.pass_tests(world.flow(1))
    world.pass_tests(flow)


def deploying(world: World, flow: Flow) -> None:
    world.pass_tests(flow)
    world.run_jobs("customers")


def stopping(world: World, flow: Flow) -> None:
    world.runner.fails.add(("catalog", "deploy"))
    world.pass_tests(flow)
    world.run_jobs("customers", "catalog")


def done(world: World, flow: Flow) -> None:
    world.pass_tests(flow)
    world.settle()


def recalled(world: World, flow: Flow) -> None:
    done(world, flow)
    world.pass_tests(world.flow(3))
    world.abort(flow)


def rolling_back(world: World, flow: Flow) -> None:
    done(world, flow)
    world.abort(flow)


def rolled_back(world: World, flow: Flow) -> None:
    rolling_back(world, flow)
    world.settle()


def in_production(world: World, flow: Flow) -> None:
    done(world, flow)
    world.promote(flow)
    world.run_jobs("customers")


@pytest.mark.parametrize(
    "bring_to",
    [waiting, deploying, stopping, done, recalled, rolling_back, rolled_back, in_production],
)
def test_stopped_in_any_state_everything_of_the_flow_goes_and_the_environments_are_free(
    bring_to: Callable[[World, Flow], None],
) -> None:
    world = World()
    flow = world.flow(
        2, by_command("customers"), by_command("catalog"), by_command("orders", "customers")
    )
    bring_to(world, flow)

    for _ in range(3):
        world.abort(flow)
    world.settle()

    ran_before = {name for name in world.running.versions.values() if name == flow.version}
    assert ran_before == set(), "nothing of the flow runs anywhere"
    assert (world.holder(), world.holder("production")) == ("", "")
    assert world.state(flow) in {DeploymentState.STOPPED, DeploymentState.ROLLED_BACK}
    assert len([back for back in world.rolled_back() if flow.flow_id in back.deployment_id]) <= 1


def test_an_abort_while_it_bakes_puts_staging_back_on_the_last_good_version() -> None:
    world = World()
    world.release(good := world.flow(1))
    world.pass_tests(bad := world.flow(2))
    world.settle()

    world.abort(bad, "orders-5xx")
    world.settle()

    assert world.running.of("staging") == {"orders": good.version}
    [back] = world.rolled_back("staging")
    assert back.reason == "orders-5xx"
    [orders] = back.components
    assert (orders.name, orders.version, orders.deployed) == ("orders", good.version, True)
    assert orders.reason == (
        f"ran the rollback command of {good.version} in place of {bad.version}"
    )


def test_an_abort_during_production_takes_production_and_staging_back() -> None:
    world = World()
    world.release(good := world.flow(1))
    world.pass_tests(bad := world.flow(2))
    world.settle()
    world.promote(bad)

    world.abort(bad)
    world.settle()

    assert world.running.of("production") == {"orders": good.version}
    assert world.running.of("staging") == {"orders": good.version}
    assert [back.environment for back in world.publisher.only(RolledBack)] == [
        "staging",
        "production",
    ]


def test_an_abort_that_crossed_the_end_of_production_is_obeyed_all_the_same() -> None:
    """The release service takes an abort until it has heard of production: that may be later."""
    world = World()
    world.release(good := world.flow(1))
    world.release(bad := world.flow(2))

    world.abort(bad)
    world.settle()

    for environment in ("staging", "production"):
        assert world.running.of(environment) == {"orders": good.version}
        place = world.environment(environment).place("orders")
        assert place.current
        assert place.current.flow_id == good.flow_id
        assert place.proven[0] == place.current


def test_a_rollback_goes_in_the_reverse_order_of_the_deployment() -> None:
    world = World()
    flow = world.flow(
        1, by_command("customers"), by_command("catalog"), by_command("orders", "customers")
    )
    world.pass_tests(flow)
    world.settle()
    world.abort(flow)

    world.take_in()
    assert directions_of(world.jobs) == [("catalog", "rollback"), ("orders", "rollback")]

    world.run_jobs("orders")
    world.take_in()
    assert directions_of(world.jobs) == [("catalog", "rollback"), ("customers", "rollback")]


def test_a_rollback_job_gets_the_artifact_and_the_version_that_it_goes_back_to() -> None:
    world = World()
    world.release(good := world.flow(1, by_command("orders", content="1")))
    world.pass_tests(bad := world.flow(2, by_command("orders", content="2")))
    world.settle()
    world.abort(bad)
    world.take_in()

    [job] = world.jobs
    artifact = by_command("orders", content="1").artifact
    assert artifact
    assert job.run == "undo"
    assert [download.sha256 for download in job.inputs] == [artifact.sha256]
    assert job.variables["PENSTOCK_VERSION"] == good.version


def test_a_rollback_uses_nothing_of_the_version_that_it_undoes() -> None:
    world = World()
    orders = by_command("orders", "prices", run="old deploy", rollback="old undo", timeout=60)
    world.release(good := world.flow(1, orders, by_lambda("prices")))
    changed = by_command("orders", content="2", run="new deploy", rollback="new undo")
    world.pass_tests(bad := world.flow(2, changed, by_lambda("prices", content="2")))
    world.settle()
    world.abort(bad)
    world.take_in()

    [job] = world.jobs
    assert (job.run, job.timeout) == ("old undo", 60)
    assert job.source.sha == good.ref.sha
    assert job.variables["PRICES_FUNCTION"] == "prices-staging:live"
    assert job.despite_stop


def test_where_nothing_ran_before_a_rollback_command_takes_out_what_it_came_with() -> None:
    world = World()
    world.pass_tests(bad := world.flow(1))
    world.settle()
    world.abort(bad)
    world.take_in()

    [job] = world.jobs
    assert job.source.sha == bad.ref.sha
    assert job.variables["PENSTOCK_VERSION"] == ""
    assert job.inputs == ()
    world.settle()
    [orders] = world.rolled_back()[0].components
    assert orders.reason == (
        f"ran its rollback command to take out {bad.version}: nothing ran before"
    )


def test_a_flow_says_what_was_verified_and_what_was_only_asked_for() -> None:
    world = World()
    world.release(good := world.flow(1, by_command("orders"), by_lambda("prices")))
    orders, prices = by_command("orders", content="2"), by_lambda("prices", content="2")
    world.pass_tests(bad := world.flow(2, orders, prices))
    world.settle()
    assert [one.verified for one in world.done()[-1].components] == [False, True]

    world.abort(bad)
    world.settle()

    orders_back, prices_back = world.rolled_back()[0].components
    assert (orders_back.verified, prices_back.verified) == (False, True)
    assert orders_back.reason == (
        f"ran the rollback command of {good.version} in place of {bad.version}"
    )
    assert prices_back.reason == (
        f"rolled back from {bad.version}, verified to serve {good.version}"
    )


def test_a_component_that_changed_its_driver_goes_back_by_the_one_it_had() -> None:
    world = World()
    world.release(good := world.flow(1, by_command("orders")))
    world.pass_tests(bad := world.flow(2, by_lambda("orders", content="2")))
    world.settle()

    world.abort(bad)
    world.settle()

    assert world.running.of("staging") == {"orders": good.version}
    [orders] = world.rolled_back()[0].components
    assert orders.reason.endswith("; what lambda deployed was not taken out")


def test_after_a_failed_rollback_nobody_knows_what_runs_until_it_is_deployed_again() -> None:
    world = World()
    world.release(good := world.flow(1))
    world.pass_tests(bad := world.flow(2))
    world.settle()
    world.runner.fails.add(("orders", "rollback"))
    world.abort(bad)
    world.settle()

    [orders] = world.rolled_back()[0].components
    assert (orders.unknown, orders.version) == (True, "")
    assert world.environment().place("orders").unknown

    world.runner.fails = {("orders", "deploy")}
    world.pass_tests(world.flow(3))
    world.settle()
    assert world.running.of("staging") == {"orders": good.version}, "the last good version"

    world.runner.fails = set()
    world.pass_tests(world.flow(4))
    world.settle()
    assert not world.environment().place("orders").unknown


def test_a_component_without_a_rollback_command_stays_and_says_so() -> None:
    world = World()
    flow = world.flow(1, by_command("orders", rollback=""))
    world.pass_tests(flow)
    world.settle()

    world.abort(flow)

    [back] = world.rolled_back()
    assert back.components[0].version == flow.version
    assert not back.components[0].deployed
    assert back.components[0].reason == "not rolled back: it has no rollback command"
    assert world.environment().place("orders").proven == ()


def test_what_failed_and_cannot_be_rolled_back_is_deployed_again_by_the_next_flow() -> None:
    world = World()
    world.runner.fails.add(("orders", "deploy"))
    world.pass_tests(world.flow(1, by_command("orders", rollback="")))
    world.settle()
    world.runner.fails.clear()

    world.pass_tests(second := world.flow(2, by_command("orders", rollback="")))
    world.settle()

    assert world.running.of("staging") == {"orders": second.version}


def test_a_rollback_that_fails_is_told_and_lets_go_of_the_environment() -> None:
    world = World()
    world.release(world.flow(1))
    world.pass_tests(bad := world.flow(2))
    world.settle()
    world.runner.fails.add(("orders", "rollback"))

    world.abort(bad)
    world.settle()

    assert world.state(bad) is DeploymentState.FAILED
    [back] = world.rolled_back()
    assert back.reason == "no good; could not roll back orders"
    assert "unknown: failed with exit code 2" in back.components[0].reason
    assert world.holder() == ""
    assert world.environment().place("orders").current is None


def test_a_function_that_was_never_good_is_taken_out() -> None:
    world = World()
    flow = world.flow(1, by_lambda("orders"))
    world.pass_tests(flow)
    world.run_steps()

    world.abort(flow)
    world.run_steps()

    assert world.running.of("staging") == {}
    [back] = world.rolled_back()
    assert back.components[0].version == ""
    assert back.components[0].reason == f"took out {flow.version}: nothing ran before"


def test_what_a_newer_flow_has_deployed_is_left_alone() -> None:
    world = World()
    world.release(world.flow(1))
    world.pass_tests(older := world.flow(2))
    world.settle()
    world.pass_tests(newer := world.flow(3))
    world.settle()

    world.abort(older)
    world.settle()

    assert world.running.of("staging") == {"orders": newer.version}
    [back] = world.rolled_back()
    assert back.components[0].reason == "left alone: another flow has deployed it since"
    assert back.components[0].version == newer.version


def test_a_version_promoted_after_a_newer_one_came_to_staging_is_what_staging_goes_back_to() -> (
    None
):
    world = World()
    world.release(world.flow(1))
    world.pass_tests(second := world.flow(2))
    world.settle()
    world.pass_tests(third := world.flow(3))
    world.settle()
    world.promote(second)
    world.settle()

    world.abort(third)
    world.settle()

    assert world.running.of("staging") == {"orders": second.version}


def test_a_deployment_that_fails_half_way_leaves_what_bakes_there_as_it_was() -> None:
    world = World()
    world.release(world.flow(1, by_command("orders"), by_command("catalog")))
    orders, catalog = by_command("orders", content="2"), by_command("catalog", content="2")
    world.pass_tests(baking := world.flow(2, orders, catalog))
    world.settle()
    world.runner.fails.add(("orders", "deploy"))

    world.pass_tests(world.flow(3, by_command("orders", content="3"), catalog))
    world.settle()

    assert world.running.of("staging") == dict.fromkeys(["orders", "catalog"], baking.version)


def test_a_rollback_waits_for_whoever_deploys_and_goes_before_those_who_want_to() -> None:
    world = World()
    world.release(good := world.flow(1))
    world.pass_tests(bad := world.flow(2, by_command("catalog")))
    world.settle()
    world.pass_tests(holder := world.flow(3))
    world.pass_tests(next_in_line := world.flow(4))

    world.abort(bad)
    world.take_in()
    assert world.state(bad) is DeploymentState.RECALLED
    assert world.holder() == holder.deployment()

    world.run_jobs("orders")
    world.take_in()
    assert world.holder() == bad.deployment()

    world.run_jobs("catalog")
    world.take_in()
    assert world.holder() == next_in_line.deployment()
    world.settle()
    assert world.running.of("staging") == {"orders": next_in_line.version}
    assert world.running.of("production") == {"orders": good.version}


def test_a_job_that_is_cancelled_by_the_abort_counts_as_ended() -> None:
    world = World()
    world.pass_tests(flow := world.flow(1))
    world.abort(flow)
    assert world.state(flow) is DeploymentState.STOPPING

    world.run_jobs("orders", state=JobState.CANCELLED)
    world.settle()

    assert world.state(flow) is DeploymentState.ROLLED_BACK
    assert world.publisher.only(FlowFailed) == [], "it was aborted, it did not fail"


def test_a_superseded_flow_says_which_one_is_newer() -> None:
    world = World()
    world.pass_tests(world.flow(1))
    world.pass_tests(second := world.flow(2))
    world.pass_tests(third := world.flow(3))
    world.take_in()

    [superseded] = world.publisher.only(FlowSuperseded)
    assert superseded.phase is Phase.STAGING
    assert third.flow_id in superseded.reason
    assert world.state(second) is DeploymentState.SUPERSEDED


def test_a_late_result_of_a_deployment_that_is_over_changes_nothing() -> None:
    world = World()
    world.pass_tests(flow := world.flow(1))
    world.take_in()
    [job] = world.jobs
    late = world.finished(world.runner(job, JobState.CANCELLED), job)
    world.run_jobs()
    said = len(world.publisher.said)

    outcome = world.deliver(late)

    assert outcome.result in {Result.STALE, Result.ALREADY_DONE}
    assert len(world.publisher.said) == said
    assert world.state(flow) is DeploymentState.DONE
    assert [len(world.publisher.only(kind)) for kind in (JobRequested, DeployDone)] == [1, 1]
