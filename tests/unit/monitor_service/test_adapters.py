"""The real adapters, on moto; the table is held to the same suite as the fake."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from monitor_service.adapters.fact_table import FactTable
from monitor_service.adapters.job_logs import JobLogStreams
from monitor_service.adapters.plan_objects import REMEMBERED, PlanObjects
from monitor_service.domain.errors import BadRequestError
from monitor_service.domain.facts import FLOW, FlowFacts, facts_of
from monitor_service.domain.ports import FactStore
from monitor_service.use_cases.record_event import RETENTION, RecordEvent, RecordRequest
from penstock_shared.clock import utc_now
from penstock_shared.contracts.commands import AbortRelease
from penstock_shared.contracts.plan import ObjectRef
from penstock_shared.decisions import Cause
from penstock_shared.observability import Telemetry
from penstock_shared.plans import plan_reference, store_plan
from penstock_shared.storage import ObjectStore
from tests.support.builders import FLOW_ID, NOW, a_cause, a_plan
from tests.support.objects import InMemoryBucket
from tests.unit.monitor_service.fakes import InMemoryFacts
from tests.unit.monitor_service.stories import (
    Story,
    there,
    to_production,
    to_staging,
    with_a_failing_gate,
)

TABLE = "penstock-test-flows"
GROUP = "/penstock/test/jobs"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def key(name: str, kind: str) -> Any:
    return {"AttributeName": name, "KeyType": kind}


def index(name: str, hash_key: str) -> Any:
    return {
        "IndexName": name,
        "KeySchema": [key(hash_key, "HASH"), key("started_at", "RANGE")],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }


@pytest.fixture
def table(aws: None) -> FactTable:
    client = boto3.client("dynamodb", region_name="us-east-1")
    names = ("flow_id", "part", "listed", "repository", "started_at")
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=[key("flow_id", "HASH"), key("part", "RANGE")],
        GlobalSecondaryIndexes=[index("by-time", "listed"), index("by-repository", "repository")],
    )
    return FactTable(client, TABLE)


@pytest.fixture(params=["fake", "dynamodb"])
def store(request: pytest.FixtureRequest) -> FactStore:
    if request.param == "fake":
        return InMemoryFacts()
    real: FactStore = request.getfixturevalue("table")
    return real


def tell(store: FactStore, *stories: Story) -> None:
    for story in stories:
        for event in story.events:
            RecordEvent(store, lambda _event: True)(event, Cause.of(event))


def known(store: FactStore) -> FlowFacts:
    return facts_of(FLOW_ID, store.facts(FLOW_ID))


def test_any_order_and_any_number_of_deliveries_leave_the_same_facts(store: FactStore) -> None:
    expected = InMemoryFacts()
    story = with_a_failing_gate()
    tell(expected, story)
    told_again = with_a_failing_gate().wait(100).requested()
    shuffled = Story(events=story.events * 2 + told_again.events)
    random.Random(7).shuffle(shuffled.events)
    tell(store, shuffled)
    assert known(store) == known(expected)


def test_the_earlier_of_two_tellings_is_kept_and_listed(store: FactStore) -> None:
    early, late = Story().requested(), Story(seconds=9).requested()
    other = Story(flow_id="e" * 20, start=NOW + timedelta(seconds=5)).requested()
    tell(store, late, early, late, other)
    assert store.newest(None, 10, None).flow_ids == ["e" * 20, FLOW_ID]


def test_parts_are_read_alone(store: FactStore) -> None:
    story = with_a_failing_gate()
    tell(store, story)
    job = f"job#{story.job_id('test-runner', 'unit')}"
    assert [fact.name for fact in store.facts_of_part(FLOW_ID, job)] == ["ended:1"]
    assert store.facts_of_part(FLOW_ID, "job#unknown") == []
    whole = store.flow_facts([FLOW_ID, "9" * 20])
    assert {fact.part for fact in whole[FLOW_ID]} == {FLOW}
    assert not whole.get("9" * 20)


def test_a_request_to_abort_is_kept_beside_the_flow(store: FactStore) -> None:
    command = AbortRelease(flow_id=FLOW_ID, by="grace", reason="no")
    record = RecordRequest(store)
    assert [record(command, a_cause()).applied for _ in range(2)] == [True, False]
    assert known(store).asked[0].by == "grace"


def test_the_list_goes_on_where_it_stopped(store: FactStore) -> None:
    stories = [
        Story(flow_id=f"{n:020x}", start=NOW + timedelta(seconds=n)).requested() for n in range(5)
    ]
    tell(store, *stories)
    found: list[str] = []
    cursor = None
    for _ in range(3):
        page = store.newest("acme/shop", 2, cursor)
        found += page.flow_ids
        cursor = page.next
    assert found == [story.flow_id for story in reversed(stories)]
    assert not store.newest("acme/other", 2, None).flow_ids


@pytest.mark.parametrize("cursor", ["x", "e30", "W10", "bnVsbA"])
def test_a_cursor_that_is_none_is_refused(store: FactStore, cursor: str) -> None:
    with pytest.raises(BadRequestError, match="cursor"):
        store.newest(None, 2, cursor)


def test_items_expire_and_stay_small(table: FactTable) -> None:
    tell(table, to_production())
    items = table.client.scan(TableName=TABLE)["Items"]
    flow = next(item for item in items if item["part"]["S"] == FLOW)
    assert int(flow["expires_at"]["N"]) == int((NOW + RETENTION).timestamp())
    assert all("expires_at" in item for item in items)
    assert sum(len(name) + len(value.get("S", "")) for name, value in flow.items()) < 4096


def test_no_item_of_a_thousand_components_is_larger_than_100_kb(table: FactTable) -> None:
    many = [there(f"component-{n:04}-of-a-repository", "2026.01.02-aaaaaaa") for n in range(1000)]
    story = to_staging().deployed("production", *many).rolled_back("production", *many)
    tell(table, story)
    items = table.client.scan(TableName=TABLE)["Items"]
    sizes = [
        sum(len(name) + len(value.get("S", "")) for name, value in item.items()) for item in items
    ]
    assert max(sizes) < 100_000
    flow = next(item for item in items if item["part"]["S"] == FLOW)
    assert sum(len(name) + len(value.get("S", "")) for name, value in flow.items()) < 4096
    assert all(len(fact.components) == 1000 for fact in known(table).rolled_back)


@pytest.fixture
def logs(aws: None) -> JobLogStreams:
    client = boto3.client("logs", region_name="us-east-1")
    client.create_log_group(logGroupName=GROUP)
    return JobLogStreams(client, GROUP)


def test_a_log_is_read_in_order_with_its_times(logs: JobLogStreams) -> None:
    logs.client.create_log_stream(logGroupName=GROUP, logStreamName="job/1")
    assert logs.read("job/1", "").lines == []
    # CloudWatch refuses what is older than two weeks.
    now = utc_now().replace(microsecond=0)
    events = [
        {"timestamp": int(now.timestamp() * 1000) + n, "message": text}
        for n, text in enumerate(["one\n", "two\nthree", "\n"])
    ]
    logs.client.put_log_events(logGroupName=GROUP, logStreamName="job/1", logEvents=events)
    page = logs.read("job/1", "")
    assert [line.text for line in page.lines] == ["one", "two", "three", ""]
    assert page.lines[1].at == now + timedelta(milliseconds=1)
    again = logs.read("job/1", page.next)
    assert (again.lines, again.next) == ([], page.next)


def test_a_stream_that_is_not_there_yet_is_empty(logs: JobLogStreams) -> None:
    assert logs.read("job/1", "").lines == ()


def test_a_token_that_is_none_is_refused(logs: JobLogStreams) -> None:
    logs.client.create_log_stream(logGroupName=GROUP, logStreamName="job/1")
    with pytest.raises(BadRequestError, match="after"):
        logs.read("job/1", "x")


@pytest.fixture
def plans() -> PlanObjects:
    return PlanObjects(ObjectStore(InMemoryBucket(), "artifacts"), Telemetry("test"))


def test_a_plan_is_read_once(plans: PlanObjects) -> None:
    plan = a_plan()
    store_plan(plans.objects, plan)
    assert [plans.plan(plan_reference(plan)) for _ in range(2)] == [plan, plan]
    assert plans.objects.client.calls == ["put", "get"]


def test_plans_are_forgotten_oldest_first(plans: PlanObjects) -> None:
    for number in range(REMEMBERED + 1):
        plan = a_plan(f"{number:020x}")
        store_plan(plans.objects, plan)
        plans.plan(plan_reference(plan))
    assert len(plans.known) == REMEMBERED
    assert plan_reference(a_plan(f"{0:020x}")).key not in plans.known


def test_a_plan_that_is_not_as_it_was_is_none(plans: PlanObjects) -> None:
    plans.objects.put("plans/x.json", b"{}")
    assert plans.plan(ObjectRef(key="plans/x.json", sha256="0" * 64)) is None


@pytest.mark.parametrize(("status", "tolerated"), [(403, True), (404, True), (503, False)])
def test_a_plan_that_has_expired_is_none(*, status: int, tolerated: bool) -> None:
    class Refusing:
        def get_object(self, **_: Any) -> None:
            answer: Any = {"Error": {}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(answer, "GetObject")

    plans = PlanObjects(ObjectStore(Refusing(), "artifacts"), Telemetry("test"))
    reference = ObjectRef(key="plans/x.json", sha256="0" * 64)
    if tolerated:
        assert plans.plan(reference) is None
    else:
        with pytest.raises(ClientError):
            plans.plan(reference)
