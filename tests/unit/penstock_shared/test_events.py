"""The message: what is accepted, what is refused, and with which words."""

import json
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from penstock_shared.contracts.change import Forge, Intent, Trust, readable_by
from penstock_shared.contracts.drivers.function import LambdaDeploy
from penstock_shared.contracts.event import EventData, Queue, decode, encode, make_event
from penstock_shared.contracts.events import (
    BuildRequested,
    EnvironmentRole,
    FlowFailed,
    FlowRef,
    JobFinished,
    JobRequested,
    TestsPassed,
)
from penstock_shared.contracts.plan import PlannedGate
from penstock_shared.errors import RefusedMessageError
from penstock_shared.identifiers import flow_id_for
from penstock_shared.jobs import gate_job
from tests.support.builders import (
    BEFORE,
    FLOW_ID,
    NOW,
    PROOFS,
    SHA,
    a_cause,
    a_change,
    a_deploy_done,
    a_flow_ref,
    a_plan,
    a_release,
    a_result,
)


def an_event(data: EventData) -> dict[str, Any]:
    cause = a_cause()
    event = make_event(
        data,
        flow_id=FLOW_ID,
        source="penstock/test",
        time=NOW,
        traceparent=cause.traceparent,
        hop=1,
    )
    return dict(json.loads(encode(event)))


class Versioned(EventData):
    """At its second version; the first called `colour` `color`."""

    type: ClassVar = "versioned-for-tests"
    data_version: ClassVar = 2
    channel: ClassVar = Queue("none")
    colour: str

    @classmethod
    def upcast(cls, data: dict[str, Any]) -> dict[str, Any]:
        return {"colour": data["color"]}


def test_an_event_survives_the_wire() -> None:
    raw = an_event(BuildRequested(change=a_change()))

    event = decode(json.dumps(raw))

    assert isinstance(event.data, BuildRequested)
    assert event.data.change == a_change()
    assert event.flow_id == FLOW_ID


def test_an_event_has_the_attributes_that_cloudevents_wants() -> None:
    raw = an_event(FlowFailed(reason="x"))

    assert raw["specversion"] == "1.0"
    assert {"id", "source", "type", "subject", "time", "traceparent", "hop"} <= raw.keys()
    assert all(name.isalnum() and name.islower() for name in raw)


def test_what_a_dead_attempt_says_has_the_id_of_what_was_said() -> None:
    first = an_event(JobFinished(result=a_result(attempt=1)))
    second = an_event(JobFinished(result=a_result(attempt=2)))

    assert first["id"] == second["id"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not a CloudEvents object"),
        ('{"type": "tea-ready", "data": {}}', "unknown event type 'tea-ready'"),
        ('{"type": "flow-failed", "data": {}}', "flow-failed"),
        ('{"type": "flow-failed", "dataversion": 9, "data": {}}', "version 9"),
    ],
)
def test_what_is_no_event_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(RefusedMessageError, match=reason):
        decode(text)


def test_an_event_with_a_field_too_many_is_refused() -> None:
    raw = an_event(FlowFailed(reason="x"))
    raw["data"]["surprise"] = 1

    with pytest.raises(RefusedMessageError, match=r"data\.surprise"):
        decode(json.dumps(raw))


def test_the_version_before_is_read_as_this_one() -> None:
    raw = an_event(Versioned(colour="red"))
    raw |= {"dataversion": 1, "data": {"color": "red"}}

    event = decode(json.dumps(raw))

    assert event.data == Versioned(colour="red")
    assert event.dataversion == 2


def test_control_characters_do_not_reach_those_who_read() -> None:
    raw = an_event(FlowFailed(reason="red \x1b[31malert\x00"))

    event = decode(json.dumps(raw))

    assert isinstance(event.data, FlowFailed)
    assert event.data.reason == "red [31malert"


def test_a_flow_is_known_by_what_changed_and_not_by_its_delivery() -> None:
    def flow(**given: Any) -> str:
        change = a_change(**given)
        return flow_id_for(change.forge, change.repository, change.ref, change.before, change.sha)

    assert flow() == flow(delivery_id="another")
    others = [
        flow(forge=Forge.GITLAB),
        flow(repository="acme/other"),
        flow(ref="refs/heads/dev"),
        flow(before="c" * 40),
        flow(sha="c" * 40),
        flow_id_for("github", "acme/shop", "refs/heads/main", BEFORE, SHA, attempt=2),
    ]
    assert len({flow(), *others}) == 1 + len(others)


def test_a_flow_of_the_version_before_answers_is_not_answered() -> None:
    raw = an_event(TestsPassed(flow=a_flow_ref()))
    raw["dataversion"] = 3
    del raw["data"]["flow"]["answered"]

    event = decode(json.dumps(raw))

    assert event.data == TestsPassed(flow=a_flow_ref(answered=False))


def test_a_flow_without_trust_counts_as_a_check() -> None:
    known = a_flow_ref().model_dump(mode="json", exclude={"trust"})

    assert FlowRef.model_validate(known).trust is Trust.CHECK


@pytest.mark.parametrize(
    ("reader", "sources"),
    [
        (Trust.RELEASE, (Trust.RELEASE,)),
        (Trust.CHECK, (Trust.RELEASE, Trust.CHECK)),
        (Trust.FORK, (Trust.RELEASE, Trust.CHECK, Trust.FORK)),
    ],
)
def test_a_trust_reads_its_own_results_and_higher_ones(
    reader: Trust, sources: tuple[Trust, ...]
) -> None:
    assert readable_by(reader) == sources
    assert [writer for writer in Trust if reader.may_read(writer)] == list(sources)


def test_variables_of_plans_and_recipes_from_before_are_read_under_their_old_name() -> None:
    known = {"name": "unit", "key": "1", "run": "x", "environment": {"A": "b"}}

    assert PlannedGate.model_validate(known).env == {"A": "b"}
    assert LambdaDeploy.model_validate({"function": "f", "environment": {"A": "b"}}).env == {
        "A": "b"
    }


def test_a_plan_of_lower_trust_cannot_release() -> None:
    with pytest.raises(ValidationError, match="a flow of trust check cannot release"):
        a_plan(trust=Trust.CHECK, intent=Intent.RELEASE)


def test_a_job_of_the_version_before_shares_no_folders() -> None:
    raw = an_event(PROOFS.request(FLOW_ID, gate_job(a_plan(), 0)))
    raw["dataversion"] = 3
    for name in ("prepare", "cache"):
        raw["data"]["job"].pop(name, None)

    data = decode(json.dumps(raw)).data

    assert isinstance(data, JobRequested)
    assert (data.job.prepare, data.job.cache) == (None, ())


def test_a_deployment_that_gates_follow_says_so_to_those_who_select_by_it() -> None:
    followed = a_release(gates_in_staging=True)

    assert a_deploy_done(release=followed).attributes() == {"gates": "follow"}
    assert a_deploy_done(release=a_release()).attributes() == {}
    assert a_deploy_done(release=followed, nothing_to_deploy=True).attributes() == {}
    assert a_deploy_done(release=followed, role=EnvironmentRole.PRODUCTION).attributes() == {}
