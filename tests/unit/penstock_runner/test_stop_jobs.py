"""From `flow-stopped` to the mark that runners read."""

from penstock_runner.use_cases.stop_jobs import FindStop, StopJobs
from penstock_shared.contracts.events import FlowAborted, FlowFailed
from penstock_shared.decisions import Result
from penstock_shared.testing.fakes import InMemoryRecordStore
from tests.support.builders import FLOW_ID, OTHER_FLOW_ID, a_cause, an_event
from tests.unit.penstock_runner.fakes import silent_records


def test_a_stopped_flow_is_found_with_its_reason() -> None:
    records = silent_records()

    stopped = FlowAborted(reason="wrong button", by="ada")
    assert StopJobs(records)(an_event(stopped), a_cause()).applied

    assert FindStop(records)(FLOW_ID) == "flow aborted by ada: wrong button"
    assert FindStop(records)(OTHER_FLOW_ID) is None


def test_the_first_reason_stays() -> None:
    records = silent_records()
    StopJobs(records)(an_event(FlowFailed(reason="lint failed")), a_cause())

    again = StopJobs(records)(an_event(FlowAborted(reason="late")), a_cause())

    assert again.result is Result.ALREADY_DONE
    assert FindStop(records)(FLOW_ID) == "flow failed: lint failed"


def test_a_flow_is_looked_for_once_in_half_a_second_and_not_again_once_it_is_stopped() -> None:
    records, now = silent_records(), [0.0]
    find = FindStop(records, lambda: now[0])
    assert find(FLOW_ID) is None
    StopJobs(records)(an_event(FlowFailed(reason="lint failed")), a_cause())

    now[0] = 0.4
    assert find(FLOW_ID) is None
    now[0] = 0.5
    assert find(FLOW_ID) == "flow failed: lint failed"
    assert isinstance(records.store, InMemoryRecordStore)
    records.store.items.clear()
    now[0] = 60
    assert find(FLOW_ID) == "flow failed: lint failed"
