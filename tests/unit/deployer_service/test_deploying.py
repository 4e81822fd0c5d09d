"""From a verdict to an environment: in order, only what changed, and all or nothing."""

import pytest

from deployer_service.domain.deployment.model import DeploymentState
from penstock_shared.contracts.change import Intent
from penstock_shared.contracts.events import (
    EnvironmentRole,
    FlowFailed,
    JobRequested,
    Phase,
    TestsPassed,
)
from penstock_shared.contracts.plan import ObjectRef
from penstock_shared.decisions import Result
from penstock_shared.plans import plan_reference, store_plan
from tests.support.builders import a_component, a_plan
from tests.unit.deployer_service.world import (
    Flow,
    World,
    by_command,
    by_lambda,
    components_of,
    directions_of,
)


def test_gates_passed_so_the_release_goes_to_staging() -> None:
    world = World()
    flow = world.flow(1, by_command("orders"))

    world.pass_tests(flow)
    world.settle()

    [done] = world.done("staging")
    assert done.role is EnvironmentRole.STAGING
    assert done.deployment_id == flow.deployment("staging")
    assert done.token == 1
    assert [(c.name, c.version, c.deployed) for c in done.components] == [
        ("orders", flow.version, True)
    ]
    assert world.running.of("staging") == {"orders": flow.version}
    assert world.holder() == ""


def test_a_promoted_release_goes_to_production() -> None:
    world = World()
    flow = world.flow(1)

    world.release(flow)

    [done] = world.done("production")
    assert done.role is EnvironmentRole.PRODUCTION
    assert world.running.of("production") == {"orders": flow.version}


def test_without_staging_the_release_goes_straight_to_production_and_is_good_there() -> None:
    world = World()
    flow = world.flow(1, staging=False)

    world.pass_tests(flow)
    world.settle()

    assert [done.role for done in world.done("production")] == [EnvironmentRole.PRODUCTION]
    place = world.environment("production").place("orders")
    assert place.proven[0] == place.current


def test_a_promotion_of_a_release_that_had_no_staging_changes_nothing() -> None:
    world = World()
    flow = world.flow(1, staging=False)
    world.pass_tests(flow)
    world.settle()

    world.promote(flow)
    world.settle()

    assert len(world.done("production")) == 1
    assert world.holder("production") == ""


@pytest.mark.parametrize("intent", [Intent.CHECK, Intent.PREVIEW])
def test_what_is_no_release_is_not_deployed(intent: Intent) -> None:
    world = World()
    flow = world.flow(1)
    ref = flow.ref.model_copy(update={"intent": intent})

    outcome = world.deliver(flow.event(TestsPassed(flow=ref)))

    assert outcome.result is Result.ALREADY_DONE
    assert outcome.reason == f"a flow for {intent} deploys nothing"
    assert world.publisher.said == []


def test_a_plan_without_a_release_deploys_nothing() -> None:
    world = World()
    flow = world.flow(1)
    plan = a_plan(flow.flow_id, release=None)
    store_plan(world.objects, plan)
    ref = flow.ref.model_copy(update={"plan": plan_reference(plan)})

    outcome = world.deliver(flow.event(TestsPassed(flow=ref)))

    assert outcome.reason == "its plan has no release"
    assert world.publisher.said == []


def test_a_component_starts_as_soon_as_its_own_dependencies_are_done() -> None:
    world = World()
    flow = world.flow(
        1,
        by_command("customers"),
        by_command("catalog"),
        by_command("orders", "customers"),
        by_command("shop", "orders", "catalog"),
    )
    world.pass_tests(flow)
    world.take_in()
    assert components_of(world.jobs) == ["customers", "catalog"]

    world.run_jobs("customers")
    world.take_in()
    assert components_of(world.jobs) == ["catalog", "orders"]

    world.run_jobs("orders")
    world.take_in()
    assert components_of(world.jobs) == ["catalog"]

    world.run_jobs("catalog")
    world.take_in()
    assert components_of(world.jobs) == ["shop"]


def test_a_component_waits_through_one_that_is_not_deployed_for_what_that_depends_on() -> None:
    world = World()
    flow = world.flow(
        1,
        by_command("customers"),
        a_component("client-library", depends_on=("customers",)),
        by_command("orders", "client-library"),
    )
    world.pass_tests(flow)
    world.take_in()

    assert components_of(world.jobs) == ["customers"]


def test_a_dependent_is_told_where_its_dependency_is() -> None:
    world = World()
    flow = world.flow(1, by_lambda("price-list"), by_command("orders", "price-list"))
    world.pass_tests(flow)
    world.run_steps()

    [job] = world.jobs
    assert job.variables["PRICE_LIST_FUNCTION"] == "price-list-staging:live"


def test_a_dependent_is_told_of_a_dependency_that_was_not_deployed_again() -> None:
    world = World()
    world.release(world.flow(1, by_lambda("customers"), by_command("orders", "customers")))
    flow = world.flow(2, by_lambda("customers"), by_command("orders", "customers", content="2"))
    world.pass_tests(flow)
    world.take_in()

    [job] = world.jobs
    assert job.variables["CUSTOMERS_FUNCTION"] == "customers-staging:live"


def test_what_the_environment_already_runs_is_skipped_and_says_so() -> None:
    world = World()
    first = world.flow(1, by_command("customers"), by_command("orders", "customers"))
    world.release(first)
    second = world.flow(2, by_command("customers"), by_command("orders", "customers", content="2"))

    world.pass_tests(second)
    world.settle()

    customers, orders = world.done("staging")[-1].components
    assert (customers.deployed, customers.version) == (False, first.version)
    assert customers.reason == f"staging already runs {first.version}"
    assert (orders.deployed, orders.version) == (True, second.version)
    assert orders.reason == f"in place of {first.version}"


def test_a_skipped_component_belongs_to_the_flow_that_skipped_it() -> None:
    world = World()
    first, second = world.flow(1, by_command("orders")), world.flow(2, by_command("orders"))
    world.release(first)

    world.pass_tests(second)

    place = world.environment().place("orders")
    assert place.current
    assert place.current.flow_id == second.flow_id
    assert [good.flow_id for good in place.proven] == [first.flow_id]


def test_a_deployment_in_which_nothing_changes_is_done_at_once_without_a_job() -> None:
    world = World()
    world.release(world.flow(1, by_command("orders")))
    asked_before = len(world.publisher.only(JobRequested))

    world.pass_tests(flow := world.flow(2, by_command("orders")))

    assert world.state(flow) is DeploymentState.DONE
    assert len(world.publisher.only(JobRequested)) == asked_before
    assert world.holder() == ""


def test_a_release_without_anything_to_deploy_is_done_at_once() -> None:
    world = World()
    flow = world.flow(1, a_component("docs"))

    world.pass_tests(flow)

    assert world.state(flow) is DeploymentState.DONE
    assert world.done()[0].components == ()


def test_after_a_failure_nothing_new_starts_and_what_runs_finishes() -> None:
    world = World()
    flow = world.flow(
        1, by_command("customers"), by_command("catalog"), by_command("orders", "catalog")
    )
    world.runner.fails.add(("customers", "deploy"))
    world.pass_tests(flow)

    world.run_jobs("customers")
    world.take_in()
    assert world.state(flow) is DeploymentState.STOPPING
    assert directions_of(world.jobs) == [("catalog", "deploy")]

    world.run_jobs("catalog")
    world.take_in()
    assert world.state(flow) is DeploymentState.ROLLING_BACK
    assert directions_of(world.jobs) == [("customers", "rollback"), ("catalog", "rollback")]


def test_a_failed_deployment_stops_its_flow_and_says_which_component_and_job() -> None:
    world = World()
    flow = world.flow(1, by_command("orders"))
    world.runner.fails.add(("orders", "deploy"))

    world.pass_tests(flow)
    world.run_jobs()

    [failed] = world.publisher.only(FlowFailed)
    assert failed.phase is Phase.STAGING
    assert failed.reason == ("orders could not be deployed to staging: failed with exit code 2")
    assert failed.job
    assert failed.job.component == "orders"


def test_a_job_s_own_reason_is_the_deployment_s() -> None:
    world = World()
    flow = world.flow(1, by_command("orders"))
    world.runner.fails.add(("orders", "deploy"))
    world.runner.reason = "there is no secret TOKEN"

    world.pass_tests(flow)
    world.run_jobs()

    [failed] = world.publisher.only(FlowFailed)
    assert failed.reason == "orders could not be deployed to staging: there is no secret TOKEN"


def test_a_failed_production_deployment_fails_in_the_stage_production() -> None:
    world = World()
    flow = world.flow(1, by_command("orders"))
    world.pass_tests(flow)
    world.settle()
    world.runner.fails.add(("orders", "deploy"))

    world.promote(flow)
    world.settle()

    [failed] = world.publisher.only(FlowFailed)
    assert failed.phase is Phase.PRODUCTION
    assert world.running.of("production") == {}
    assert world.running.of("staging") == {}, "staging goes back too: its flow failed"


def test_a_failing_third_of_five_takes_the_two_before_it_back() -> None:
    world = World()
    names = ["one", "two", "three", "four", "five"]

    def chain(content: str) -> Flow:
        components = [
            by_command(name, *names[max(at - 1, 0) : at], content=content)
            for at, name in enumerate(names)
        ]
        return world.flow(int(content), *components)

    world.release(first := chain("1"))
    world.runner.fails.add(("three", "deploy"))
    world.pass_tests(second := chain("2"))
    world.settle()

    assert world.state(second) is DeploymentState.ROLLED_BACK
    assert world.running.of("staging") == dict.fromkeys(names, first.version)
    assert world.holder() == ""


def test_a_step_that_fails_in_the_steps_function_fails_the_deployment_with_its_reason() -> None:
    world = World()
    flow = world.flow(1, by_lambda("orders"))
    world.functions.fails.add("orders")

    world.pass_tests(flow)
    world.run_steps()

    [failed] = world.publisher.only(FlowFailed)
    assert failed.reason == "orders could not be deployed to staging: its artifact does not exist"
    assert failed.job is None


def test_components_that_wait_for_each_other_fail_and_say_so() -> None:
    world = World()
    flow = world.flow(1, by_command("orders", "customers"), by_command("customers", "orders"))

    world.pass_tests(flow)

    [failed] = world.publisher.only(FlowFailed)
    assert failed.reason == "orders, customers wait for each other"


def test_a_plan_that_is_not_the_one_the_flow_was_sent_with_fails_the_flow() -> None:
    world = World()
    flow = world.flow(1)
    other = ObjectRef(key=flow.ref.plan.key, sha256="0" * 64)
    ref = flow.ref.model_copy(update={"plan": other})

    world.deliver(flow.event(TestsPassed(flow=ref)))
    world.deliver(flow.event(TestsPassed(flow=ref)))

    [failed] = world.publisher.only(FlowFailed)
    assert "is not the one that was meant" in failed.reason
    world.pass_tests(flow)
    assert world.state(flow) is None, "what has failed is not deployed any more"
