"""Lines of components through the deployer's own functions, on real tables and queues."""

import pytest

from deployer_service import bootstrap
from penstock_shared.contracts.drivers.command import CommandDeploy
from penstock_shared.contracts.events import (
    DeployDone,
    FlowAborted,
    FlowFailed,
    ReleasePromoted,
    RolledBack,
    TestsPassed,
)
from penstock_shared.contracts.plan import PlannedComponent
from tests.integration.deployer.service import Service
from tests.support.builders import a_component

ENVIRONMENTS = ("staging", "production")
LENGTHS = (7, 16)


def a_line(length: int, content: str) -> list[PlannedComponent]:
    return [
        a_component(
            f"c{number:02}",
            key=f"{number}-{content}",
            depends_on=(f"c{number - 1:02}",) if number else (),
            deploy=CommandDeploy(run="deploy", rollback="undo"),
        )
        for number in range(length)
    ]


def check(length: int, version: str) -> None:
    """Both environments are free, and run this version of every component."""
    for name in ENVIRONMENTS:
        environment = bootstrap.ledger().environments.get(f"environment#github/acme/shop#{name}")
        assert environment
        assert (environment.holder, environment.waiting) == (None, ())
        runs = [place.current.version for place in environment.components.values() if place.current]
        assert runs == [version] * length


def release(service: Service, word: str, length: int) -> str:
    """Bring a line everywhere; returns the version that people see."""
    flow_id, flow = service.flow(word, *a_line(length, word))
    service.receive(flow_id, TestsPassed(flow=flow))
    service.run_to_the_end()
    service.receive(flow_id, ReleasePromoted(flow=flow, version="v"))
    service.run_to_the_end()
    assert [type(data) for data in service.said()] == [DeployDone, DeployDone]
    return flow.sha[:12]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_line_succeeds_and_the_next_one_fails_at_its_last(service: Service, length: int) -> None:
    good = release(service, "good", length)
    check(length, good)

    flow_id, flow = service.flow("bad", *a_line(length, "bad"))
    service.receive(flow_id, TestsPassed(flow=flow))
    service.run_to_the_end(failing=f"c{length - 1:02}")

    assert [type(data) for data in service.said()] == [FlowFailed, RolledBack]
    check(length, good)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_line_that_is_aborted_in_production_goes_back_everywhere(
    service: Service, length: int
) -> None:
    good = release(service, "good", length)
    flow_id, flow = service.flow("bad", *a_line(length, "bad"))
    service.receive(flow_id, TestsPassed(flow=flow))
    service.run_to_the_end()
    service.receive(flow_id, ReleasePromoted(flow=flow, version="v"))
    for _ in range(length // 2):
        service.run_jobs()

    service.receive(flow_id, FlowAborted(reason="no good"))
    service.run_to_the_end()

    check(length, good)
