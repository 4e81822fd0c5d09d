"""Webhooks: who may start a flow, what starts one, and how others are answered."""

import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from build_service import bootstrap
from build_service.domain import build
from build_service.domain.build import Build, BuildState
from build_service.domain.delivery import Ignored
from build_service.domain.errors import WebhookError
from build_service.domain.repository import Repository, plan_flow, repository_key
from build_service.handlers import webhook
from build_service.use_cases.receive_push import Received, ReceivePush
from build_service.use_cases.starting import ReceivedPush
from build_service.use_cases.stop_build import StopBuild
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.events import BuildRequested, FlowAborted
from penstock_shared.decisions import Decision, already_done
from penstock_shared.github import commit_object, delivery_headers, push_event
from penstock_shared.identifiers import retry_id_for
from penstock_shared.observability import Telemetry
from penstock_shared.persistence.outbox import Records
from penstock_shared.testing.fakes import RecordingPublisher, fake_records
from tests.support.builders import BEFORE, SHA, a_cause, a_change, an_event
from tests.unit.build_service.registered import SECRET, SHOP, FakeEntrance, a_registry


def a_push(**given: Any) -> dict[str, Any]:
    commit = commit_object(SHA, message="Sell more", name="Ada")
    url, ref = "https://host.invalid/shop.git", "refs/heads/main"
    return push_event("acme/shop", url, ref, BEFORE, SHA, commit, pusher="ada") | given


def headers_for(body: bytes, **given: str) -> dict[str, str]:
    headers = delivery_headers(SECRET, body, "d-1")
    return {name.lower(): value for name, value in headers.items()} | given


@pytest.fixture
def records() -> Records[Build]:
    return fake_records()


@pytest.fixture
def repositories() -> Records[Repository]:
    return fake_records()


@pytest.fixture
def receive(records: Records[Build], repositories: Records[Repository]) -> ReceivePush:
    return FakeEntrance(a_registry(), records, repositories).receive


def send(receive: ReceivePush, push: Any, **headers: str) -> Received:
    body = json.dumps(push).encode()
    (received,) = receive(SHOP, body, headers_for(body, **headers))
    return received


def test_a_push_starts_a_flow(receive: ReceivePush, records: Records[Build]) -> None:
    received = send(receive, a_push())

    assert isinstance(received, ReceivedPush)
    assert received.started
    known = records.get(received.flow_id)
    assert known
    assert known.state is BuildState.REQUESTED
    assert isinstance(records.publisher, RecordingPublisher)
    requested = records.publisher.only(BuildRequested)[0]
    assert requested.change.sha == SHA
    assert requested.change.author == "Ada"


def test_five_deliveries_at_once_are_one_flow(
    receive: ReceivePush, records: Records[Build]
) -> None:
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: send(receive, a_push()), range(5)))

    assert isinstance(records.publisher, RecordingPublisher)
    assert len({answer.flow_id for answer in answers if isinstance(answer, ReceivedPush)}) == 1
    assert sum(answer.started for answer in answers if isinstance(answer, ReceivedPush)) == 1
    assert len({event.id for event in records.publisher.said}) == 1


def test_two_webhooks_of_one_push_are_one_flow(receive: ReceivePush) -> None:
    first = send(receive, a_push(), **{"x-github-delivery": "d-1"})
    second = send(receive, a_push(), **{"x-github-delivery": "d-2"})

    assert isinstance(first, ReceivedPush)
    assert second == ReceivedPush(first.flow_id, started=False)


def planned(
    records: Records[Build], repositories: Records[Repository], flow_id: str, head: str
) -> None:
    """The flow has ended, and the branch's newest planned head is this commit."""
    records.change(flow_id, a_cause(flow_id), failed)
    change, key = a_change(sha=head), repository_key(Forge.GITHUB, "acme/shop")
    repositories.change(key, a_cause(), lambda known: plan_flow(known, head[:20], change, head))


def failed(known: Build | None) -> Decision[Build]:
    assert known
    if known.state is BuildState.FAILED:
        return already_done("it has ended")
    return build.fail(known, "a gate")


def again(receive: ReceivePush, delivery: str) -> ReceivedPush:
    received = send(receive, a_push(), **{"x-github-delivery": delivery})
    assert isinstance(received, ReceivedPush)
    return received


def test_a_branch_that_was_put_back_and_moves_forward_again_flows_again(
    receive: ReceivePush, records: Records[Build], repositories: Records[Repository]
) -> None:
    first = again(receive, "d-1")
    planned(records, repositories, first.flow_id, SHA)
    planned(records, repositories, first.flow_id, BEFORE)

    second = again(receive, "d-2")
    twice = again(receive, "d-3")

    assert second == ReceivedPush(retry_id_for(first.flow_id, 2), started=True)
    assert twice == ReceivedPush(second.flow_id, started=False)
    planned(records, repositories, second.flow_id, BEFORE)
    assert again(receive, "d-2") == ReceivedPush(second.flow_id, started=False)
    assert again(receive, "d-4") == ReceivedPush(retry_id_for(second.flow_id, 3), started=True)


def test_a_delivery_that_is_repeated_moves_nothing_though_the_branch_was_put_back(
    receive: ReceivePush, records: Records[Build], repositories: Records[Repository]
) -> None:
    first = again(receive, "d-1")
    planned(records, repositories, first.flow_id, BEFORE)

    assert again(receive, "d-1") == ReceivedPush(first.flow_id, started=False)


def test_a_second_webhook_of_a_branch_that_stayed_is_the_same_flow(
    receive: ReceivePush, records: Records[Build], repositories: Records[Repository]
) -> None:
    first = again(receive, "d-1")
    planned(records, repositories, first.flow_id, SHA)

    assert again(receive, "d-2") == ReceivedPush(first.flow_id, started=False)


@pytest.mark.parametrize(
    ("push", "reason"),
    [
        (a_push(deleted=True, after="0" * 40), "refs/heads/main was deleted"),
        (a_push(ref="refs/tags/v1", deleted=True, after="0" * 40), "refs/tags/v1 was deleted"),
        (a_push(ref="refs/tags/v1"), "is a tag"),
        (a_push(ref="refs/notes/commits"), "is no branch"),
    ],
)
def test_some_pushes_start_nothing_and_say_so(
    receive: ReceivePush, records: Records[Build], push: dict[str, Any], reason: str
) -> None:
    answer = send(receive, push)

    assert isinstance(answer, Ignored)
    assert reason in answer.reason
    assert isinstance(records.publisher, RecordingPublisher)
    assert records.publisher.said == []


def test_other_events_start_nothing_and_say_so(receive: ReceivePush) -> None:
    answer = send(receive, {"zen": "x"}, **{"x-github-event": "issues"})

    assert answer == Ignored("nothing starts on a 'issues' event")


def refused(receive: ReceivePush, body: bytes, headers: dict[str, str]) -> WebhookError:
    with pytest.raises(WebhookError) as caught:
        receive(SHOP, body, headers)
    return caught.value


def test_a_wrong_signature_is_401(receive: ReceivePush) -> None:
    body = json.dumps(a_push()).encode()
    headers = headers_for(body) | {"x-hub-signature-256": "sha256=" + "0" * 64}

    assert refused(receive, body, headers).status == 401


def test_a_signature_with_letters_that_are_none_is_401(receive: ReceivePush) -> None:
    assert refused(receive, b"{}", headers_for(b"{}") | {"x-hub-signature-256": "é"}).status == 401


def test_no_signature_is_401(receive: ReceivePush) -> None:
    assert refused(receive, b"{}", {"x-github-event": "push"}).status == 401


def test_garbage_is_400(receive: ReceivePush) -> None:
    assert refused(receive, b"garbage", headers_for(b"garbage")).status == 400
    assert refused(receive, b"garbage", {}).status == 400


@pytest.mark.parametrize(
    ("push", "field"),
    [
        ({}, "ref"),
        ([], "body"),
        (a_push(after="short"), "after"),
        (a_push(repository={}), "repository.full_name"),
        (a_push(repository={"full_name": "../x y"}), "repository.full_name"),
        (a_push(ref="refs/heads/a b"), "ref"),
        (a_push(ref="refs/heads//a"), "ref"),
        (a_push(ref="refs/heads/"), "ref"),
    ],
)
def test_json_that_is_no_push_is_422_and_names_the_field(
    receive: ReceivePush, push: Any, field: str
) -> None:
    body = json.dumps(push).encode()
    error = refused(receive, body, headers_for(body))

    assert error.status == 422
    assert f"not a push: {field}" in str(error)


def test_a_flow_that_was_aborted_before_its_push_is_seen_and_stays_stopped(
    receive: ReceivePush, records: Records[Build]
) -> None:
    expected = send(FakeEntrance(a_registry()).receive, a_push())
    assert isinstance(expected, ReceivedPush)
    flow_id = expected.flow_id
    stopped = an_event(FlowAborted(reason="not today", by="grace"), flow_id)
    StopBuild(records)(stopped, a_cause(flow_id))

    answer = send(receive, a_push())

    assert answer == ReceivedPush(flow_id, started=False, stopped="not today (by grace)")
    assert send(receive, a_push()) == answer
    assert isinstance(records.publisher, RecordingPublisher)
    # The monitor lists a flow by its request.
    assert [request.change.sha for request in records.publisher.only(BuildRequested)] == [SHA]
    known = records.get(flow_id)
    assert known
    assert known.state is BuildState.STOPPED


@pytest.fixture
def service(receive: ReceivePush, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler over records in memory."""
    given = {
        "receive_push": lambda: receive,
        "telemetry": lambda: Telemetry("build"),
    }
    monkeypatch.setattr(webhook, "bootstrap", SimpleNamespace(**vars(bootstrap) | given))


@pytest.mark.usefixtures("service")
def test_the_handler_tells_what_became_of_the_push() -> None:
    body = json.dumps(a_push())
    path = {"repository": SHOP}
    event = {"headers": headers_for(body.encode()), "body": body, "pathParameters": path}

    answers = [json.loads(webhook.handler(event, None)["body"]) for _ in range(2)]

    assert [answer["status"] for answer in answers] == ["started", "already started"]
    assert answers[0]["flow_id"] == answers[1]["flow_id"]
