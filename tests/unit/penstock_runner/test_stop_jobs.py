"""From `flow-stopped` to the mark that runners look for."""

from penstock_runner.use_cases.stop_jobs import FindStop, StopJobs
from penstock_shared.contracts.events import FlowAborted, FlowFailed
from penstock_shared.decisions import Result
from tests.support.builders import FLOW_ID, OTHER_FLOW_ID, a_cause, an_event
from tests.unit.penstock_runner.stand_ins import silent_records


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
