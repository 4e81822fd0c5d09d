"""The use cases that people read with."""

from datetime import timedelta
from typing import Any

import pytest

from monitor_service.domain.errors import BadRequestError, NoSuchFlowError, NoSuchJobError
from monitor_service.domain.ports import PrintedLine
from monitor_service.domain.view import FlowState
from monitor_service.use_cases.list_flows import FlowFilter, ListFlows
from monitor_service.use_cases.read_log import ReadLog
from monitor_service.use_cases.record_event import RecordEvent, RecordRequest
from monitor_service.use_cases.show_flow import ShowFlow
from penstock_shared.contracts.commands import AbortRelease
from penstock_shared.contracts.events import FlowFailed
from penstock_shared.contracts.jobs import Job
from penstock_shared.decisions import Cause, Result
from penstock_shared.errors import RefusedMessageError
from tests.support.builders import FLOW_ID, NOW, PROOFS, a_cause, a_checkout, a_plan
from tests.unit.monitor_service.fakes import InMemoryFacts, InMemoryLogs, InMemoryPlans
from tests.unit.monitor_service.stories import Story, at, to_staging, with_a_failing_gate


def store_of(*stories: Story) -> InMemoryFacts:
    store = InMemoryFacts()
    for story in stories:
        for event in story.events:
            RecordEvent(store, lambda _event: True)(event, Cause.of(event))
    return store


def flows(count: int, **change: Any) -> list[Story]:
    """Flows that began a minute apart, the newest first; each third one failed."""
    told = [
        Story(flow_id=f"{n:020x}", start=NOW - timedelta(minutes=n), change=change).requested()
        for n in range(count)
    ]
    for story in told[::3]:
        story.stopped(FlowFailed, "broken")
    return told


def test_a_second_delivery_is_a_named_outcome() -> None:
    story, record = Story().requested(), RecordEvent(InMemoryFacts(), lambda _event: True)
    results = [record(story.events[0], Cause.of(story.events[0])).result for _ in range(2)]
    assert results == [Result.APPLIED, Result.ALREADY_DONE]


def test_an_event_that_is_no_fact_is_refused() -> None:
    job = Job(
        job_id="1" * 20,
        owner="build",
        record=FLOW_ID,
        name="build",
        run="make",
        source=a_checkout(),
        timeout=1,
    )
    event = Story().says(PROOFS.request(FLOW_ID, job)).events[0]
    with pytest.raises(RefusedMessageError, match="keeps nothing of job-requested"):
        RecordEvent(InMemoryFacts(), lambda _event: True)(event, Cause.of(event))


def test_an_abort_that_was_asked_for_is_shown_once() -> None:
    store = store_of(to_staging())
    command = AbortRelease(flow_id=FLOW_ID, reason="wrong price", by="grace")
    for _ in range(3):
        RecordRequest(store)(command, a_cause())
    (asked,) = ShowFlow(store, InMemoryPlans())(FLOW_ID).abort_requests
    assert (asked.by, asked.reason) == ("grace", "wrong price")


def test_a_flow_is_shown_with_its_plan() -> None:
    view = ShowFlow(store_of(to_staging()), InMemoryPlans({"plans/x.json": a_plan()}))(FLOW_ID)
    assert view.components[0].name == "orders"


def test_a_flow_that_is_not_known_is_said_not_to_be() -> None:
    with pytest.raises(NoSuchFlowError, match=FLOW_ID):
        ShowFlow(InMemoryFacts(), InMemoryPlans())(FLOW_ID)


def test_flows_are_listed_newest_first_page_by_page() -> None:
    list_flows = ListFlows(store_of(*flows(5)))
    first = list_flows(FlowFilter(limit=3))
    second = list_flows(FlowFilter(limit=3, cursor=first.next))
    ids = [flow.flow_id for page in (first, second) for flow in page.flows]
    assert ids == [story.flow_id for story in flows(5)]
    assert (first.next is not None, second.next) == (True, None)


def test_flows_are_filtered_by_repository_and_state() -> None:
    other = Story(flow_id="e" * 20, change={"repository": "acme/other"}).requested()
    list_flows = ListFlows(store_of(*flows(9), other))
    assert [flow.flow_id for flow in list_flows(FlowFilter(repository="acme/other")).flows] == [
        other.flow_id
    ]
    failed = list_flows(FlowFilter(state=FlowState.FAILED, limit=2))
    assert [flow.flow_id for flow in failed.flows] == [f"{n:020x}" for n in (0, 3)]


def test_a_rare_state_does_not_read_the_whole_table() -> None:
    store = store_of(*flows(40))
    store.calls = 0
    found = ListFlows(store)(FlowFilter(state=FlowState.SUPERSEDED, limit=3))
    assert found.flows == []
    assert found.next is not None
    assert store.calls <= 5 * (1 + 3)


@pytest.mark.parametrize("limit", [0, 101])
def test_a_list_has_from_1_to_100_flows(limit: int) -> None:
    with pytest.raises(BadRequestError, match="from 1 to 100"):
        ListFlows(InMemoryFacts())(FlowFilter(limit=limit))


def log_of(*texts: str) -> list[PrintedLine]:
    return [PrintedLine(at(number), text) for number, text in enumerate(texts)]


def test_a_log_is_read_from_where_the_reader_is() -> None:
    story = with_a_failing_gate()
    job_id = story.job_id("test-runner", "unit")
    logs = InMemoryLogs({f"{job_id}/1": log_of("a", "b", "c")}, page=2)
    read_log = ReadLog(store_of(story), logs)
    first = read_log(FLOW_ID, job_id)
    second = read_log(FLOW_ID, job_id, first.next)
    third = read_log(FLOW_ID, job_id, second.next)
    assert [line.text for line in (*first.lines, *second.lines, *third.lines)] == ["a", "b", "c"]
    assert [page.more for page in (first, second, third)] == [True, True, False]


def test_a_running_job_may_always_say_more() -> None:
    story = Story().requested().built().job_begins("test-runner", "unit")
    job_id = story.job_id("test-runner", "unit")
    log = ReadLog(store_of(story), InMemoryLogs())(FLOW_ID, job_id)
    assert (log.lines, log.more) == ([], True)


def test_the_log_of_a_new_attempt_is_read_from_its_beginning() -> None:
    story = Story().requested().built().job_begins("test-runner", "unit")
    job_id = story.job_id("test-runner", "unit")
    logs = InMemoryLogs({f"{job_id}/1": log_of("a", "b"), f"{job_id}/2": log_of("again")})
    read_log = ReadLog(store_of(story), logs)
    read = read_log(FLOW_ID, job_id)
    later = ReadLog(store_of(story.job_begins("test-runner", "unit", attempt=2)), logs)
    assert [line.text for line in later(FLOW_ID, job_id, read.next).lines] == ["again"]


def test_the_log_of_the_job_that_a_flow_failed_of_can_be_read_at_once() -> None:
    story = with_a_failing_gate()
    story.events = [event for event in story.events if event.type != "job-finished"]
    job_id = story.job_id("test-runner", "unit")
    log = ReadLog(store_of(story), InMemoryLogs({f"{job_id}/1": log_of("a")}))(FLOW_ID, job_id)
    assert [line.text for line in log.lines] == ["a"]


def test_a_job_that_is_not_known_is_said_not_to_be() -> None:
    with pytest.raises(NoSuchJobError, match="has no job"):
        ReadLog(store_of(to_staging()), InMemoryLogs())(FLOW_ID, "9" * 20)
