"""Webhooks: who may start a flow, what starts one, and what is said to those who may not."""

import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from build_service.domain.build import Build, BuildState
from build_service.domain.errors import WebhookError
from build_service.domain.webhook import Ignored
from build_service.use_cases.receive_push import Received, ReceivePush
from penstock_shared.contracts.events import BuildRequested
from penstock_shared.persistence.outbox import Records
from penstock_shared.testing.fakes import FakeClock, RecordingPublisher, fake_records
from tests.support.builders import BEFORE, SHA

SECRET = "it's a secret"  # of this test


def a_push(**given: Any) -> dict[str, Any]:
    return {
        "ref": "refs/heads/main",
        "before": BEFORE,
        "after": SHA,
        "deleted": False,
        "repository": {"full_name": "acme/shop", "clone_url": "https://host.invalid/shop.git"},
        "head_commit": {"id": SHA, "message": "Sell more", "author": {"name": "Ada"}},
        "pusher": {"name": "ada"},
        **given,
    }


def headers_for(body: bytes, **given: str) -> dict[str, str]:
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {
        "x-github-event": "push",
        "x-github-delivery": "d-1",
        "x-hub-signature-256": f"sha256={signature}",
        **given,
    }


@pytest.fixture
def records() -> Records[Build]:
    return fake_records()


@pytest.fixture
def receive(records: Records[Build]) -> ReceivePush:
    return ReceivePush(records, FakeClock())


def send(receive: ReceivePush, push: Any, **headers: str) -> Received | Ignored:
    body = json.dumps(push).encode()
    return receive(SECRET, body, headers_for(body, **headers))


def test_a_push_starts_a_flow(receive: ReceivePush, records: Records[Build]) -> None:
    received = send(receive, a_push())

    assert isinstance(received, Received)
    assert received.started
    build = records.get(received.flow_id)
    assert build
    assert build.state is BuildState.REQUESTED
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
    assert len({answer.flow_id for answer in answers if isinstance(answer, Received)}) == 1
    assert sum(answer.started for answer in answers if isinstance(answer, Received)) == 1
    assert len({event.id for event in records.publisher.said}) == 1


def test_two_webhooks_of_one_push_are_one_flow(receive: ReceivePush) -> None:
    first = send(receive, a_push(), **{"x-github-delivery": "d-1"})
    second = send(receive, a_push(), **{"x-github-delivery": "d-2"})

    assert isinstance(first, Received)
    assert second == Received(first.flow_id, started=False)


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
    answer = send(receive, {"zen": "x"}, **{"x-github-event": "ping"})

    assert answer == Ignored("nothing starts on a 'ping' event")


def refused(receive: ReceivePush, body: bytes, headers: dict[str, str]) -> WebhookError:
    with pytest.raises(WebhookError) as caught:
        receive(SECRET, body, headers)
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
        (a_push(repository={"full_name": "../x y", "clone_url": "u"}), "repository.full_name"),
    ],
)
def test_json_that_is_no_push_is_422_and_names_the_field(
    receive: ReceivePush, push: Any, field: str
) -> None:
    body = json.dumps(push).encode()
    error = refused(receive, body, headers_for(body))

    assert error.status == 422
    assert f"not a push: {field}" in str(error)
