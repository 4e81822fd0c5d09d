"""One conformance suite: the fake and the real record store keep the same promises."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.event import Event, EventData, make_event
from penstock_shared.contracts.events import FlowFailed
from penstock_shared.decisions import Record
from penstock_shared.errors import VersionConflictError
from penstock_shared.persistence import documents
from penstock_shared.persistence.dynamodb import RETENTION, DynamoRecordStore
from penstock_shared.persistence.memo import DynamoMemo, Memo
from penstock_shared.persistence.outbox import RecordStore, Stored
from penstock_shared.storage import ObjectStore
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


@pytest.fixture
def objects(dynamodb: Any) -> ObjectStore:
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="artifacts")
    return ObjectStore(client, "artifacts")


@pytest.fixture(params=["fake", "dynamodb", "dynamodb and s3"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RecordStore[Thing]:
    if request.param == "fake":
        return InMemoryRecordStore()
    client = request.getfixturevalue("dynamodb")
    if request.param == "dynamodb":
        return DynamoRecordStore(client, "things", Thing, clock=FakeClock(NOW))
    monkeypatch.setattr(documents, "INLINE_BYTES", 10)
    objects = request.getfixturevalue("objects")
    return DynamoRecordStore(client, "things", Thing, clock=FakeClock(NOW), objects=objects)


@pytest.fixture
def roomy(dynamodb: Any, objects: ObjectStore) -> DynamoRecordStore[Thing]:
    """The store as the services have it."""
    return DynamoRecordStore(dynamodb, "things", Thing, clock=FakeClock(NOW), objects=objects)


def keys_in(objects: ObjectStore) -> list[str]:
    found = objects.client.list_objects_v2(Bucket=objects.bucket)
    return [entry["Key"] for entry in found.get("Contents", [])]


def weight_of(client: Any, key: str) -> int:
    item = client.get_item(TableName="things", Key={"id": {"S": key}})["Item"]
    return sum(len(name) + len(str(value)) for name, value in item.items())


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


BIG = "x" * 500_000


def test_a_record_of_any_size_comes_back_and_its_item_stays_small(
    roomy: DynamoRecordStore[Thing],
) -> None:
    written = Stored(Thing(words=BIG), 1, (an_event(),) * 900)
    roomy.put("it", written)

    assert roomy.get("it") == written
    assert weight_of(roomy.client, "it") < 1000


def test_small_records_cost_no_call_to_s3(
    roomy: DynamoRecordStore[Thing], objects: ObjectStore
) -> None:
    no_s3 = replace(roomy, objects=ObjectStore(None, "none"))
    for version in (1, 2):
        no_s3.put("it", Stored(Thing(words="small"), version, (an_event(),)))

    assert no_s3.get("it") == Stored(Thing(words="small"), 2, (an_event(),))


def test_many_events_leave_a_small_record_in_its_item(
    roomy: DynamoRecordStore[Thing], objects: ObjectStore
) -> None:
    written = Stored(Thing(words="small"), 1, (an_event(),) * 900)
    roomy.put("it", written)
    assert roomy.get("it") == written

    roomy.clear("it", written)

    assert replace(roomy, objects=None).get("it") == Stored(Thing(words="small"), 1)


def test_what_was_replaced_is_deleted(
    roomy: DynamoRecordStore[Thing], objects: ObjectStore
) -> None:
    for version in (1, 2, 3):
        roomy.put("it", Stored(Thing(words=BIG), version))
        assert len(keys_in(objects)) == 1

    roomy.put("it", Stored(Thing(words="small"), 4))

    assert keys_in(objects) == []
    assert roomy.get("it") == Stored(Thing(words="small"), 4)


def test_a_writer_who_loses_takes_along_what_it_wrote(
    roomy: DynamoRecordStore[Thing], objects: ObjectStore
) -> None:
    roomy.put("it", Stored(Thing(words=BIG), 1))

    with pytest.raises(VersionConflictError):
        roomy.put("it", Stored(Thing(words=BIG), 1))

    assert len(keys_in(objects)) == 1
    assert roomy.get("it") == Stored(Thing(words=BIG), 1)


def test_a_write_whose_answer_was_lost_and_that_was_tried_again_has_succeeded(
    roomy: DynamoRecordStore[Thing],
) -> None:
    class Twice:
        """The first answer gets lost; the client asks again by itself."""

        def __getattr__(self, name: str) -> Any:
            return getattr(roomy.client, name)

        def put_item(self, **parameters: Any) -> Any:
            roomy.client.put_item(**parameters)
            return roomy.client.put_item(**parameters)

    replace(roomy, client=Twice()).put("it", Stored(Thing(words=BIG), 1))

    assert roomy.get("it") == Stored(Thing(words=BIG), 1)


def test_a_reader_whose_object_was_replaced_reads_the_newer_version(
    roomy: DynamoRecordStore[Thing], objects: ObjectStore
) -> None:
    roomy.put("it", Stored(Thing(words=BIG), 1))

    class Overtaken(ObjectStore):
        def get(self, key: str) -> bytes:
            if key.partition("-")[0].endswith("/1"):
                roomy.put("it", Stored(Thing(words=BIG + "2"), 2))
            return super().get(key)

    reader = replace(roomy, objects=Overtaken(objects.client, objects.bucket))

    assert reader.get("it") == Stored(Thing(words=BIG + "2"), 2)


def test_an_object_that_is_lost_is_an_error_and_no_endless_search(
    roomy: DynamoRecordStore[Thing], objects: ObjectStore
) -> None:
    roomy.put("it", Stored(Thing(words=BIG), 1))
    objects.delete(keys_in(objects)[0])

    with pytest.raises(ClientError, match="NoSuchKey"):
        roomy.get("it")


@pytest.mark.parametrize(("retention", "place"), [(RETENTION, "expiring"), (None, "kept")])
def test_parts_of_records_that_stay_lie_where_nothing_expires(
    roomy: DynamoRecordStore[Thing],
    objects: ObjectStore,
    retention: timedelta | None,
    place: str,
) -> None:
    replace(roomy, retention=retention).put("it", Stored(Thing(words=BIG), 1))

    assert keys_in(objects)[0].startswith(f"records/{place}/things/")


def test_where_nothing_is_swept_events_stay_with_their_record(dynamodb: Any) -> None:
    store = DynamoRecordStore(dynamodb, "things", Thing, clock=FakeClock(NOW), swept=False)
    stored = Stored(Thing(deadline=NOW), 1, (an_event(),))

    store.put("it", stored)
    store.clear("it", stored)

    assert store.get("it") == stored
    assert store.due(NOW + timedelta(minutes=5)) == []


def test_a_memo_recalls_what_it_was_told_and_nothing_else(memo: Memo) -> None:
    memo.remember(Trust.RELEASE, {"a": {"flow_id": "1"}})

    assert memo.recall(Trust.RELEASE, ["a", "b", "a"]) == {"a": {"flow_id": "1"}}
    assert memo.recall(Trust.RELEASE, []) == {}


def test_a_memo_recalls_more_than_one_call_can_ask_for(memo: Memo) -> None:
    memo.remember(Trust.RELEASE, {str(number): {"number": number} for number in range(130)})

    assert len(memo.recall(Trust.RELEASE, (str(number) for number in range(130)))) == 130


def test_what_a_lower_trust_remembers_is_nothing_to_a_higher_one(memo: Memo) -> None:
    memo.remember(Trust.FORK, {"a": {"by": "fork"}, "b": {"by": "fork"}})
    memo.remember(Trust.CHECK, {"a": {"by": "check"}})

    assert memo.recall(Trust.RELEASE, ["a", "b"]) == {}
    assert memo.recall(Trust.CHECK, ["a", "b"]) == {"a": {"by": "check"}}


def test_a_lower_trust_uses_what_a_higher_one_remembers_first(memo: Memo) -> None:
    memo.remember(Trust.CHECK, {"a": {"by": "check"}, "b": {"by": "check"}})
    memo.remember(Trust.RELEASE, {"a": {"by": "release"}})

    assert memo.recall(Trust.FORK, ["a", "b"]) == {"a": {"by": "release"}, "b": {"by": "check"}}


def test_what_was_made_with_other_tools_is_not_recalled(memo: Memo) -> None:
    old, new = {"toolchain": "Python 3.11"}, {"toolchain": "Python 3.12"}
    memo.remember(Trust.RELEASE, {"a": old, "b": old})
    assert memo.recall(Trust.RELEASE, ["a", "b"]) == {"a": old, "b": old}

    memo.remember(Trust.RELEASE, {"b": new})

    assert memo.recall(Trust.RELEASE, ["a", "b"]) == {"b": new}


def test_the_tools_of_one_trust_say_nothing_of_those_of_another(memo: Memo) -> None:
    memo.remember(Trust.RELEASE, {"a": {"toolchain": "x86_64"}})
    memo.remember(Trust.FORK, {"b": {"toolchain": "arm64"}})

    assert memo.recall(Trust.RELEASE, ["a"]) == {"a": {"toolchain": "x86_64"}}


def test_a_lower_trust_uses_nothing_that_its_own_tools_did_not_make(memo: Memo) -> None:
    memo.remember(Trust.RELEASE, {"a": {"toolchain": "x86_64"}})
    assert memo.recall(Trust.CHECK, ["a"]) == {"a": {"toolchain": "x86_64"}}

    memo.remember(Trust.CHECK, {"a": {"toolchain": "arm64"}})

    assert memo.recall(Trust.CHECK, ["a"]) == {"a": {"toolchain": "arm64"}}
    assert memo.recall(Trust.RELEASE, ["a"]) == {"a": {"toolchain": "x86_64"}}


def test_an_answer_without_tools_counts_only_where_none_are_known(memo: Memo) -> None:
    memo.remember(Trust.RELEASE, {"a": {"flow_id": "1"}})
    assert memo.recall(Trust.RELEASE, ["a"]) == {"a": {"flow_id": "1"}}

    memo.remember(Trust.RELEASE, {"b": {"toolchain": "x86_64"}})

    assert memo.recall(Trust.RELEASE, ["a"]) == {}


def test_a_memo_remembers_tools_in_the_call_that_remembers_answers(dynamodb: Any) -> None:
    calls: list[str] = []
    dynamodb.meta.events.register(
        "before-call.dynamodb.*", lambda model, **_: calls.append(model.name)
    )
    memo = DynamoMemo(dynamodb, "things")

    memo.remember(Trust.RELEASE, {"a": {"toolchain": "x86_64"}})
    memo.recall(Trust.RELEASE, ["a", "b"])

    assert calls == ["BatchWriteItem", "BatchGetItem"]
