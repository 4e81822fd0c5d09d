"""What an environment remembers of its components, and who may change it next."""

from datetime import timedelta

import pytest

from deployer_service.domain.deployment.model import Deployment, DeploymentState
from deployer_service.domain.environment.history import PROVEN_KEPT, UNPROVEN_KEPT, Deployed, Place
from deployer_service.domain.environment.line import claim, claim_back, look_again, release
from deployer_service.domain.environment.model import (
    Claim,
    Environment,
    EnvironmentState,
    Standing,
    standing_of,
)
from deployer_service.domain.flow import Flow as FlowRecord
from deployer_service.domain.flow import FlowPermit
from penstock_shared.contracts.plan import EnvironmentMode
from penstock_shared.decisions import Refusal, Result, Write
from tests.support.builders import NOW

KEY = "environment#acme/shop#staging"
QUEUE, SUPERSEDE = EnvironmentMode.QUEUE, EnvironmentMode.SUPERSEDE


def v(number: int, flow: int | None = None) -> Deployed:
    """Version `number`, by default deployed by the flow of the same number."""
    return Deployed(key=f"k{number}", version=f"v{number}", flow_id=f"f{flow or number}")


def place(*current: Deployed, proven: list[Deployed], unproven: list[Deployed]) -> Place:
    return Place(
        current=current[0] if current else None, proven=tuple(proven), unproven=tuple(unproven)
    )


EMPTY = place(proven=[], unproven=[])


@pytest.mark.parametrize(
    ("before", "deployed", "proven", "after"),
    [
        (EMPTY, v(1), False, place(v(1), proven=[], unproven=[])),
        (EMPTY, v(1), True, place(v(1), proven=[v(1)], unproven=[])),
        (
            place(v(1), proven=[v(1)], unproven=[]),
            v(2),
            False,
            place(v(2), proven=[v(1)], unproven=[]),
        ),
        (
            place(v(2), proven=[v(1)], unproven=[]),
            v(3),
            False,
            place(v(3), proven=[v(1)], unproven=[v(2)]),
        ),
        (
            place(v(2), proven=[v(1)], unproven=[]),
            v(3),
            True,
            place(v(3), proven=[v(3), v(1)], unproven=[]),
        ),
        (
            place(v(1), proven=[v(1)], unproven=[]),
            v(1, flow=2),
            False,
            place(v(1, flow=2), proven=[v(1)], unproven=[]),
        ),
    ],
)
def test_a_place_takes_a_version(
    before: Place, deployed: Deployed, proven: bool, after: Place
) -> None:
    assert before.take(deployed, proven=proven) == after


@pytest.mark.parametrize(
    ("before", "flow", "after"),
    [
        (EMPTY, "f1", EMPTY),
        (place(v(1), proven=[], unproven=[]), "f1", place(v(1), proven=[v(1)], unproven=[])),
        (place(v(1), proven=[], unproven=[]), "f2", place(v(1), proven=[], unproven=[])),
        (
            place(v(3), proven=[v(1)], unproven=[v(2)]),
            "f3",
            place(v(3), proven=[v(3), v(1)], unproven=[]),
        ),
        (
            place(v(4), proven=[v(1)], unproven=[v(3), v(2)]),
            "f2",
            place(v(4), proven=[v(2), v(1)], unproven=[v(3)]),
        ),
        (
            place(v(1), proven=[v(1)], unproven=[]),
            "f1",
            place(v(1), proven=[v(1)], unproven=[]),
        ),
    ],
)
def test_a_flow_that_reached_production_proves_its_version(
    before: Place, flow: str, after: Place
) -> None:
    assert before.prove(flow) == after


@pytest.mark.parametrize(
    ("before", "flow", "target", "after"),
    [
        (
            place(v(2), proven=[v(1)], unproven=[]),
            "f2",
            v(1),
            place(v(1), proven=[v(1)], unproven=[]),
        ),
        (place(v(1), proven=[], unproven=[]), "f1", None, EMPTY),
        (
            place(v(2), proven=[v(2), v(1)], unproven=[]),
            "f2",
            v(1),
            place(v(1), proven=[v(1)], unproven=[]),
        ),
        (
            place(v(3), proven=[v(1)], unproven=[v(2)]),
            "f2",
            v(3),
            place(v(3), proven=[v(1)], unproven=[]),
        ),
    ],
)
def test_a_place_is_put_back(
    before: Place, flow: str, target: Deployed | None, after: Place
) -> None:
    assert before.put_back(flow, target) == after


def test_the_version_to_go_back_to_is_never_the_stopped_flow_s_own() -> None:
    assert place(v(2), proven=[v(2), v(1)], unproven=[]).good_without("f2") == v(1)
    assert place(v(2), proven=[v(2)], unproven=[]).good_without("f2") is None


def test_a_place_does_not_remember_without_end() -> None:
    at = EMPTY
    for number in range(20):
        at = at.take(v(number), proven=number < 10)

    assert (len(at.proven), len(at.unproven)) == (PROVEN_KEPT, UNPROVEN_KEPT)


def a_claim(number: int, *, rollback: bool = False) -> Claim:
    return Claim(
        deployment_id=f"d{number}",
        flow_id=f"f{number}",
        started_at=NOW + timedelta(seconds=number),
        rollback=rollback,
    )


def claimed(*claims: Claim, mode: EnvironmentMode = QUEUE) -> Environment:
    environment = Environment(key=KEY)
    for wanted in claims:
        decision = claim(environment, KEY, mode, wanted, NOW)
        environment = decision.record if isinstance(decision, Write) else environment
    return environment


def test_who_comes_first_holds_it_under_a_new_token() -> None:
    environment = claimed(a_claim(1), a_claim(2))

    assert environment.state is EnvironmentState.HELD
    assert environment.token == 1
    assert standing_of(environment, "d1") is Standing.GRANTED
    assert standing_of(environment, "d2") is Standing.IN_LINE
    assert standing_of(environment, "d3") is Standing.RETIRED


def test_who_claims_twice_has_it_once() -> None:
    environment = claimed(a_claim(1), a_claim(2))

    for number in (1, 2):
        decision = claim(environment, KEY, QUEUE, a_claim(number), NOW)
        assert isinstance(decision, Refusal)
        assert decision.result is Result.ALREADY_DONE


def test_the_next_in_line_gets_it_and_is_called() -> None:
    change = release(claimed(a_claim(1), a_claim(2)), "d1", NOW)

    assert change.record.held_by("d2")
    assert change.record.token == 2
    assert [event.identity() for event in change.says] == ["d2:2"]


def test_who_leaves_the_line_moves_nobody() -> None:
    change = release(claimed(a_claim(1), a_claim(2)), "d2", NOW)

    assert change.record.held_by("d1")
    assert change.record.waiting == ()
    assert change.says == ()


def test_the_last_one_leaves_it_free() -> None:
    change = release(claimed(a_claim(1)), "d1", NOW)

    assert change.record.state is EnvironmentState.FREE
    assert change.record.deadline is None


def test_those_who_are_overtaken_in_line_are_called_to_hear_of_it() -> None:
    environment = claimed(a_claim(1), a_claim(2), mode=SUPERSEDE)

    decision = claim(environment, KEY, SUPERSEDE, a_claim(3), NOW)

    assert isinstance(decision, Write)
    assert [event.identity() for event in decision.says] == ["d2:1"]
    assert standing_of(decision.record, "d2") is Standing.RETIRED


def test_a_rollback_is_never_overtaken_and_goes_first() -> None:
    environment = claimed(a_claim(3), a_claim(4), mode=SUPERSEDE)
    decision = claim_back(environment, a_claim(1, rollback=True), NOW)
    assert isinstance(decision, Write)

    after = claim(decision.record, KEY, SUPERSEDE, a_claim(5), NOW)

    assert isinstance(after, Write)
    assert [waiting.deployment_id for waiting in after.record.waiting] == ["d1", "d5"]


def test_the_sweeper_frees_what_a_vanished_holder_left_and_comes_again_for_the_others() -> None:
    environment = claimed(a_claim(1))
    later = NOW + timedelta(hours=1)

    stays = look_again(environment, a_claim(1), later, vanished=False)
    goes = look_again(environment, a_claim(1), later, vanished=True)
    other = look_again(environment, a_claim(2), later, vanished=True)

    assert isinstance(stays, Write)
    assert stays.record.deadline
    assert stays.record.deadline > later
    assert isinstance(goes, Write)
    assert goes.record.holder is None
    assert isinstance(other, Refusal)


FINAL = {
    DeploymentState.ROLLED_BACK,
    DeploymentState.SUPERSEDED,
    DeploymentState.STOPPED,
    DeploymentState.FAILED,
}


@pytest.mark.parametrize("before", DeploymentState)
@pytest.mark.parametrize("after", DeploymentState)
def test_nothing_leaves_a_final_state_and_nothing_deploys_again(
    before: DeploymentState, after: DeploymentState
) -> None:
    allowed = Deployment.allows(before, after)

    if before in FINAL:
        assert not allowed
    if after is DeploymentState.DEPLOYING and before is not after:
        assert allowed == (before is DeploymentState.WAITING)
    if before is DeploymentState.DONE:
        assert allowed == (after in {DeploymentState.DONE, DeploymentState.RECALLED})


def test_a_stopped_flow_stays_stopped() -> None:
    assert not FlowRecord.allows(FlowPermit.STOPPED, FlowPermit.OPEN)
