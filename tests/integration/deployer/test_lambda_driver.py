"""The lambda driver on functions that really run."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from deployer_service.domain.deployment.step import Step, StepState
from deployer_service.domain.environment.history import Deployed
from deployer_service.domain.errors import LeaseLostError, StepFailedError
from penstock_shared.contracts.drivers.command import CommandDeploy
from penstock_shared.contracts.drivers.function import ALIAS, LambdaDeploy
from penstock_shared.contracts.plan import ObjectRef
from tests.integration.deployer.cloud import Cloud, a_deployment, zip_saying
from tests.support.builders import a_component


def not_ours() -> None:
    raise LeaseLostError("somebody else's")


def after(checks: int, then: Callable[[], None]) -> Callable[[], None]:
    """A lease check that lets so many pass, and then does something."""
    left = [checks]

    def check() -> None:
        left[0] -= 1
        if left[0] < 0:
            then()

    return check


def test_a_function_that_is_new_is_created_and_served(cloud: Cloud) -> None:
    deployed = cloud.deploy("hello")

    assert cloud.ask()["says"] == "hello"
    assert deployed.revision == "1"
    assert deployed.outputs == {"FUNCTION": f"{cloud.function}:live"}


def test_a_function_is_told_where_it_runs_and_what_it_depends_on(cloud: Cloud) -> None:
    step = cloud.step("hello")
    depends = step.now(component=step.component.model_copy(update={"depends_on": ("price-list",)}))
    after_it = Deployed(
        key="k", version="v", flow_id="f", outputs={"FUNCTION": "price-list-staging:live"}
    )
    dependency = Step(
        component=a_component("price-list"), state=StepState.SUCCEEDED, after=after_it
    )
    deployment = a_deployment("hello", dependency, depends)

    cloud.performer.deploy(deployment, depends, lambda: None)

    assert cloud.ask()["told"] == {
        "SHOP_CURRENCY": "EUR",
        "PENSTOCK_ENVIRONMENT": "staging",
        "PENSTOCK_VERSION": deployment.flow.sha[:12],
        "PRICE_LIST_FUNCTION": "price-list-staging:live",
    }


def test_a_function_has_the_architecture_of_its_artifact(cloud: Cloud) -> None:
    for architecture in ("arm64", "x86_64"):
        step = cloud.step(architecture)
        recipe = LambdaDeploy(function=cloud.name, architecture=architecture)
        component = step.component.model_copy(update={"deploy": recipe})

        cloud.deploy(architecture, step.now(component=component))

        found = cloud.functions.get_function_configuration(FunctionName=f"{cloud.name}-staging")
        assert found["Architectures"] == [architecture]


def test_a_new_version_takes_the_place_of_the_one_before(cloud: Cloud) -> None:
    cloud.deploy("hello")
    deployed = cloud.deploy("goodbye")

    assert cloud.ask()["says"] == "goodbye"
    assert deployed.revision == "2"
    assert cloud.versions() == ["1", "2"]


def test_a_rollback_serves_the_version_before_again(cloud: Cloud) -> None:
    good = cloud.deploy("hello")
    cloud.deploy("goodbye")

    cloud.roll_back("goodbye", good)

    assert cloud.ask()["says"] == "hello"


def test_a_rollback_without_a_version_to_go_back_to_leaves_nothing_that_is_served(
    cloud: Cloud,
) -> None:
    cloud.deploy("hello")

    for _ in range(2):
        cloud.roll_back("hello", None)

    with pytest.raises(ClientError, match="ResourceNotFound"):
        cloud.ask()


def test_what_was_taken_out_can_be_deployed_again(cloud: Cloud) -> None:
    cloud.deploy("hello")
    cloud.roll_back("hello", None)

    cloud.deploy("hello again")

    assert cloud.ask()["says"] == "hello again"


def test_a_function_that_got_another_name_goes_back_to_the_one_that_still_serves(
    cloud: Cloud,
) -> None:
    old = cloud.step("hello")
    renamed = LambdaDeploy(function=f"{cloud.name}-old")
    old = old.now(component=old.component.model_copy(update={"deploy": renamed}))
    good = cloud.deploy("hello", old)
    cloud.deploy("goodbye")

    cloud.roll_back("goodbye", good)

    assert good.outputs == {"FUNCTION": f"{cloud.name}-old-staging:live"}
    answer = cloud.functions.invoke(FunctionName=good.outputs["FUNCTION"])
    assert json.loads(answer["Payload"].read())["says"] == "hello"
    with pytest.raises(ClientError, match="ResourceNotFound"):
        cloud.ask()


def test_asked_for_twice_it_publishes_once(cloud: Cloud) -> None:
    first = cloud.deploy("hello")
    second = cloud.deploy("hello")

    assert first == second
    assert cloud.versions() == ["1"]


def test_asked_for_several_times_at_once_the_right_code_is_served(cloud: Cloud) -> None:
    """Those who lose are refused in a way that is worth another try, and win that."""
    cloud.deploy("hello")
    step = cloud.step("goodbye")

    def try_until_done(_number: int) -> None:
        for _attempt in range(20):
            try:
                cloud.deploy("goodbye", step)
            except ClientError:
                continue
            return
        raise AssertionError("it never came through")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(try_until_done, range(3)))

    assert cloud.ask()["says"] == "goodbye"


def test_one_that_died_between_publishing_and_serving_goes_on_where_it_was(cloud: Cloud) -> None:
    cloud.deploy("hello")
    step = cloud.step("goodbye")
    with pytest.raises(LeaseLostError):
        cloud.performer.deploy(a_deployment("goodbye", step), step, after(1, not_ours))
    assert cloud.ask()["says"] == "hello"

    cloud.deploy("goodbye", step)

    assert cloud.ask()["says"] == "goodbye"
    assert cloud.versions() == ["1", "2"]


def test_without_the_lease_nothing_is_written(cloud: Cloud) -> None:
    step = cloud.step("hello")

    with pytest.raises(LeaseLostError):
        cloud.performer.deploy(a_deployment("hello", step), step, not_ours)

    with pytest.raises(ClientError, match="ResourceNotFound"):
        cloud.functions.get_function(FunctionName=cloud.function)


def test_who_loses_the_lease_right_after_its_last_check_cannot_move_the_alias(
    cloud: Cloud,
) -> None:
    good = cloud.deploy("hello")
    cloud.deploy("goodbye")
    step = cloud.step("late")

    def taken_over() -> None:
        cloud.roll_back("goodbye", good)

    with pytest.raises(ClientError, match="PreconditionFailed"):
        cloud.performer.deploy(a_deployment("late", step), step, after(1, taken_over))

    assert cloud.ask()["says"] == "hello"


def test_an_artifact_that_is_not_what_was_built_is_refused_and_nothing_changes(
    cloud: Cloud,
) -> None:
    cloud.deploy("hello")
    step = cloud.step("goodbye")
    assert step.component.artifact
    cloud.objects.put(step.component.artifact.key, zip_saying("evil"))

    with pytest.raises(StepFailedError, match="is not the one that was built"):
        cloud.deploy("goodbye", step)

    assert cloud.ask()["says"] == "hello"
    assert cloud.versions() == ["1"]


def test_an_artifact_that_is_not_there_is_named(cloud: Cloud) -> None:
    step = cloud.step("hello")
    nowhere = ObjectRef(key="artifacts/nowhere.zip", sha256="0" * 64)
    lost = step.now(component=step.component.model_copy(update={"artifact": nowhere}))

    with pytest.raises(StepFailedError, match=r"artifacts/nowhere\.zip does not exist"):
        cloud.deploy("hello", lost)


def test_a_component_without_an_artifact_says_what_to_do(cloud: Cloud) -> None:
    step = cloud.step("hello")
    bare = step.now(component=step.component.model_copy(update={"artifact": None}))

    with pytest.raises(StepFailedError, match="give its `build` a `preset` or `artifact`"):
        cloud.deploy("hello", bare)


def test_what_lambda_refuses_is_told_in_its_own_words(cloud: Cloud) -> None:
    step = cloud.step("hello")
    wrong = LambdaDeploy(function=cloud.name, runtime="")
    refused = step.now(component=step.component.model_copy(update={"deploy": wrong}))

    with pytest.raises(StepFailedError, match=f"CreateFunction of function {cloud.function} was"):
        cloud.deploy("hello", refused)


def test_what_another_service_refuses_is_no_fault_of_the_function(cloud: Cloud) -> None:
    """A table that throttles when the lease is looked at: that passes."""
    throttled = ClientError(
        {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "slow down"}},
        "GetItem",
    )

    def throttles() -> None:
        raise throttled

    step = cloud.step("hello")
    with pytest.raises(ClientError, match="slow down"):
        cloud.performer.deploy(a_deployment("hello", step), step, throttles)


def test_a_rollback_to_a_version_that_is_gone_fails_and_says_so(cloud: Cloud) -> None:
    good = cloud.deploy("hello")
    cloud.deploy("goodbye")
    gone = good.model_copy(update={"revision": "99"})

    with pytest.raises(StepFailedError, match=f"{ALIAS} of {cloud.function}|was refused"):
        cloud.roll_back("goodbye", gone)


def test_a_version_that_does_not_hold_what_it_should_is_found_out(cloud: Cloud) -> None:
    good = cloud.deploy("hello")
    cloud.deploy("goodbye")
    other = good.model_copy(update={"artifact": cloud.artifact("something else")})

    with pytest.raises(StepFailedError, match=r"version 1 of .* does not hold its artifact"):
        cloud.roll_back("goodbye", other)


def test_the_lambda_driver_does_not_touch_what_a_command_deploys(cloud: Cloud) -> None:
    component = a_component("orders", deploy=CommandDeploy(run="deploy"))

    with pytest.raises(Exception, match="not deployed by the lambda driver"):
        cloud.performer.deploy(a_deployment("hello"), Step(component=component), lambda: None)
