"""One conformance suite: the fake and the real record store keep the same promises."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar

import boto3
import pytest
from moto import mock_aws

from penstock_shared.contracts.event import Event, EventData, make_event
from penstock_shared.contracts.events import FlowFailed
from penstock_shared.decisions import Record
from penstock_shared.errors import VersionConflictError
from penstock_shared.persistence.dynamodb import DynamoRecordStore
from penstock_shared.persistence.memo import DynamoMemo, Memo
from penstock_shared.persistence.outbox import RecordStore, Stored
from penstock_shared.testing.fakes import FakeClock, InMemoryMemo, InMemoryRecordStore
from tests.support.builders import FLOW_ID, NOW, a_cause
from tests.support.tables import create_record_table


class Mood(StrEnum):
    WAITING = "waiting"
    DONE = "done"


class Thing(Record):
    transitions: ClassVar[Mapping[Mood, frozenset[Mood]]] = {
        Mood.WAITING: frozenset({Mood.DONE}),
    }
    state: Mood = Mood.WAITING
    words: str = ""


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        create_record_table(client, "things")
        yield client


@pytest.fixture(params=["fake", "dynamodb"])
def store(request: pytest.FixtureRequest) -> RecordStore[Thing]:
    if request.param == "fake":
        return InMemoryRecordStore()
    client = request.getfixturevalue("dynamodb")
    return DynamoRecordStore(client, "things", Thing, clock=FakeClock(NOW))


@pytest.fixture(params=["fake", "dynamodb"])
def memo(request: pytest.FixtureRequest) -> Memo:
    if request.param == "fake":
        return InMemoryMemo()
    return DynamoMemo(request.getfixturevalue("dynamodb"), "things")


def an_event() -> Event[EventData]:
    return make_event(
        FlowFailed(reason="x"),
        flow_id=FLOW_ID,
        source="penstock/test",
        time=NOW,
        traceparent=a_cause().traceparent,
        hop=1,
    )


def test_what_was_never_written_is_not_there(store: RecordStore[Thing]) -> None:
    assert store.get("it") is None


def test_a_record_comes_back_with_version_and_pending_events(store: RecordStore[Thing]) -> None:
    written = Stored(Thing(words="hello"), 1, (an_event(),))
    store.put("it", written)

    assert store.get("it") == written


def test_a_record_is_created_once(store: RecordStore[Thing]) -> None:
    store.put("it", Stored(Thing(words="first"), 1))

    with pytest.raises(VersionConflictError):
        store.put("it", Stored(Thing(words="second"), 1))
    found = store.get("it")
    assert found
    assert found.record.words == "first"


def test_a_stale_version_is_refused(store: RecordStore[Thing]) -> None:
    store.put("it", Stored(Thing(), 1))
    store.put("it", Stored(Thing(words="two"), 2))

    with pytest.raises(VersionConflictError):
        store.put("it", Stored(Thing(words="also two"), 2))


def test_clearing_forgets_the_events_and_nothing_else(store: RecordStore[Thing]) -> None:
    written = Stored(Thing(words="hello", deadline=NOW), 1, (an_event(),))
    store.put("it", written)
    store.clear("it", written)

    assert store.get("it") == Stored(Thing(words="hello", deadline=NOW), 1)


def test_clearing_an_old_version_does_nothing(store: RecordStore[Thing]) -> None:
    first = Stored(Thing(), 1, (an_event(),))
    store.put("it", first)
    store.put("it", Stored(Thing(words="two"), 2, first.pending))
    store.clear("it", first)

    found = store.get("it")
    assert found
    assert len(found.pending) == 1


def test_what_waits_past_its_deadline_is_due(store: RecordStore[Thing]) -> None:
    store.put("late", Stored(Thing(deadline=NOW), 1))
    store.put("early", Stored(Thing(deadline=NOW + timedelta(hours=1)), 1))
    store.put("done", Stored(Thing(state=Mood.DONE), 1))

    assert store.due(NOW + timedelta(minutes=1)) == ["late"]


def test_events_that_were_never_said_are_due_even_of_a_final_record(
    store: RecordStore[Thing],
) -> None:
    stored = Stored(Thing(state=Mood.DONE), 1, (an_event(),))
    store.put("it", stored)
    assert store.due(NOW + timedelta(minutes=5)) == ["it"]

    store.clear("it", stored)
    assert store.due(NOW + timedelta(minutes=5)) == []


def test_where_nothing_is_swept_events_stay_with_their_record(dynamodb: Any) -> None:
    store = DynamoRecordStore(dynamodb, "things", Thing, clock=FakeClock(NOW), swept=False)
    stored = Stored(Thing(deadline=NOW), 1, (an_event(),))

    store.put("it", stored)
    store.clear("it", stored)

    assert store.get("it") == stored
    assert store.due(NOW + timedelta(minutes=5)) == []


def test_a_memo_recalls_what_it_was_told_and_nothing_else(memo: Memo) -> None:
    memo.remember("a", {"flow_id": "1"})

    assert memo.recall(["a", "b", "a"]) == {"a": {"flow_id": "1"}}
    assert memo.recall([]) == {}


def test_a_memo_recalls_more_than_one_call_can_ask_for(memo: Memo) -> None:
    for number in range(130):
        memo.remember(str(number), {"number": number})

    assert len(memo.recall(str(number) for number in range(130))) == 130
