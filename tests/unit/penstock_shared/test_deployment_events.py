"""What an environment runs, in one message however many components it has."""

import json

import pytest

from penstock_shared.contracts.event import decode, encode, make_event
from penstock_shared.contracts.events import (
    LONGEST_REASON,
    MOST_REASONS,
    OTHER_REASON,
    DeployedComponent,
    EnvironmentRole,
    RolledBack,
    outcomes_of,
)
from penstock_shared.errors import RefusedMessageError
from penstock_shared.tracing import new_traceparent
from tests.support.builders import FLOW_ID, NOW, a_deploy_done

LARGEST_MESSAGE = 100_000


def component(number: int, reason: str = "in place of 2026.01.01-bbbbbbb") -> DeployedComponent:
    name = f"component-{number:04}-of-a-repository"
    return DeployedComponent(name=name, version="2026.01.02-aaaaaaa", deployed=True, reason=reason)


def message(*components: DeployedComponent) -> str:
    event = make_event(
        a_deploy_done(outcomes=outcomes_of(components)),
        flow_id=FLOW_ID,
        source="penstock/test",
        time=NOW,
        traceparent=new_traceparent(FLOW_ID, NOW),
        hop=1,
    )
    return encode(event)


def test_a_thousand_components_fit_into_a_message_whatever_is_said_of_each() -> None:
    assert len(message(*map(component, range(1000)))) < LARGEST_MESSAGE
    long = [component(number, f"{number}: " + "x" * 5000) for number in range(1000)]
    assert len(message(*long)) < LARGEST_MESSAGE


def test_reasons_are_cut_and_the_rarest_share_one() -> None:
    given = [component(number, f"{number}: " + "x" * 5000) for number in range(MOST_REASONS + 2)]
    reasons = [group.reason for group in outcomes_of(given)]
    assert len(reasons) == MOST_REASONS + 1
    assert {len(reason) for reason in reasons[:-1]} == {LONGEST_REASON}
    assert reasons[-1] == OTHER_REASON


def test_every_component_comes_back_as_it_was_given() -> None:
    given = {component(1), component(2, "for the first time")}
    read = decode(message(*given)).data
    assert set(read.components) == given  # type: ignore[attr-defined]  # a DeployDone


def v1(components: object) -> str:
    rolled_back = RolledBack(
        deployment_id=f"{FLOW_ID}.staging",
        environment="staging",
        role=EnvironmentRole.STAGING,
        outcomes=(),
    )
    event = json.loads(message())
    data = {**rolled_back.model_dump(mode="json", exclude={"outcomes"}), "components": components}
    return json.dumps({**event, "type": "rolled-back", "dataversion": 1, "data": data})


def test_a_rollback_of_the_version_before_is_still_read() -> None:
    (read,) = decode(
        v1([{"name": "orders", "key": "k", "version": "3", "deployed": True}])
    ).data.components  # type: ignore[attr-defined]  # a RolledBack
    assert read == DeployedComponent(name="orders", version="3", deployed=True)


def test_a_rollback_of_the_version_before_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(RefusedMessageError, match="not a valid rolled-back"):
        decode(v1([{"name": "orders"}]))
