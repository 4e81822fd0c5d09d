"""The deployer's functions as they are deployed, on real tables, topics, queues and functions."""

import pytest
from botocore.exceptions import ClientError

from penstock_shared.contracts.drivers.command import CommandDeploy
from penstock_shared.contracts.drivers.function import LambdaDeploy
from penstock_shared.contracts.event import encode
from penstock_shared.contracts.events import (
    BakeStarted,
    DeployDone,
    FlowAborted,
    FlowFailed,
    ReleasePromoted,
    RolledBack,
    TestsPassed,
)
from penstock_shared.contracts.plan import EnvironmentMode
from penstock_shared.messaging.consumer import TRIES
from tests.integration.deployer.service import Service
from tests.support.builders import NOW, a_component


def test_a_function_goes_to_staging_and_production_and_a_bad_one_back(service: Service) -> None:
    def saying(word: str) -> tuple[str, TestsPassed, ReleasePromoted]:
        component = a_component(
            "orders",
            key=f"key-of-{word}",
            artifact=service.cloud.artifact(word),
            deploy=LambdaDeploy(function=service.cloud.name),
        )
        flow_id, flow = service.flow(word, component)
        return flow_id, TestsPassed(flow=flow), ReleasePromoted(flow=flow, version="v")

    flow_id, passed, promoted = saying("hello")
    service.receive(flow_id, passed)
    service.run_own()
    assert service.ask("staging") == "hello"
    service.receive(flow_id, promoted)
    service.run_own()
    assert service.ask("production") == "hello"
    assert [done.environment for done in service.said() if isinstance(done, DeployDone)] == [
        "staging",
        "production",
    ]

    flow_id, passed, _ = saying("goodbye")
    service.receive(flow_id, passed)
    service.run_own()
    assert service.ask("staging") == "goodbye"
    service.said()
    service.receive(flow_id, FlowAborted(reason="no good"))
    service.run_own()

    assert service.ask("staging") == "hello"
    assert service.ask("production") == "hello"
    [back] = service.said()
    assert isinstance(back, RolledBack)
    assert (back.environment, back.reason) == ("staging", "no good")


def test_a_function_that_was_never_good_is_not_served_after_an_abort(service: Service) -> None:
    component = a_component(
        "orders",
        artifact=service.cloud.artifact("hello"),
        deploy=LambdaDeploy(function=service.cloud.name),
    )
    flow_id, flow = service.flow("hello", component)
    service.receive(flow_id, TestsPassed(flow=flow))
    service.run_own()
    service.receive(flow_id, FlowAborted(reason="no good"))
    service.run_own()

    with pytest.raises(ClientError, match="ResourceNotFound"):
        service.ask("staging")


@pytest.mark.parametrize(
    ("mode", "staging", "production"),
    [
        (EnvironmentMode.SUPERSEDE, 12, 13),
        (EnvironmentMode.QUEUE, 12, 13),
        (EnvironmentMode.PARALLEL, 11, 12),
    ],
)
def test_a_deployment_by_a_command_asks_little_of_aws(
    service: Service, mode: EnvironmentMode, staging: int, production: int
) -> None:
    component = a_component("orders", deploy=CommandDeploy(run="deploy"))
    flow_id, flow = service.flow("hello", component, mode=mode)

    service.receive(flow_id, TestsPassed(flow=flow))
    service.run_jobs()
    assert service.calls.total() <= staging, service.calls
    service.calls.clear()
    service.receive(flow_id, ReleasePromoted(flow=flow, version="v"))
    service.run_jobs()
    assert service.calls.total() <= production, service.calls

    assert [type(data) for data in service.said()] == [DeployDone, DeployDone]


def test_what_the_service_does_not_consume_is_refused_with_the_reason(service: Service) -> None:
    service.receive("0" * 20, BakeStarted(version="v", deadline=NOW))
    assert service.handle("no event") == []

    assert sorted(service.dead_letters()) == [
        "not JSON: expected ident at line 1 column 2",
        "this queue is not for bake-started",
    ]
    service.receive("0" * 20, BakeStarted(version="v", deadline=NOW), "deployer-steps")
    assert service.dead_letters("deployer-steps") == ["this queue is not for bake-started"]


def test_the_end_of_a_job_that_nobody_can_take_in_frees_the_environment_at_once(
    service: Service,
) -> None:
    component = a_component("orders", deploy=CommandDeploy(run="deploy"))
    flow_id, flow = service.flow("hello", component)
    service.receive(flow_id, TestsPassed(flow=flow))
    (finished,) = service.finish_jobs()

    assert service.handle(encode(finished), time=TRIES + 1) == []

    said = {type(data): data for data in service.said()}
    assert set(said) == {FlowFailed, RolledBack}
    failed = said[FlowFailed]
    assert isinstance(failed, FlowFailed)
    assert "how its job ended: 5 tries ended without a word" in failed.reason
    assert service.dead_letters() == ["5 tries ended without a word"]
    flow_id, flow = service.flow("goodbye", component)
    service.receive(flow_id, TestsPassed(flow=flow))
    assert service.finish_jobs()


def test_a_flow_hears_at_once_of_what_cannot_be_freed_yet(service: Service) -> None:
    component = a_component("orders", deploy=CommandDeploy(run="deploy"))
    flow_id, flow = service.flow("hello", component)
    service.receive(flow_id, TestsPassed(flow=flow))
    (finished,) = service.finish_jobs()
    service.client("dynamodb").delete_table(TableName=service.cloud.name)

    assert service.handle(encode(finished), time=TRIES)

    (failed,) = service.said()
    assert isinstance(failed, FlowFailed)
    assert "tried 5 times" in failed.reason
    assert service.dead_letters() == []


def test_a_record_that_fails_comes_back_alone(service: Service) -> None:
    """The plan's object cannot be read now: that may pass."""
    component = a_component("orders", deploy=CommandDeploy(run="deploy"))
    flow_id, flow = service.flow("hello", component)
    lost = flow.plan.model_copy(update={"key": "plans/lost.json"})

    with pytest.raises(AssertionError):
        service.receive(flow_id, TestsPassed(flow=flow.model_copy(update={"plan": lost})))

    assert service.dead_letters() == []


def test_the_sweeper_looks_at_nothing_where_nothing_waits(service: Service) -> None:
    assert service.sweep() == 0
