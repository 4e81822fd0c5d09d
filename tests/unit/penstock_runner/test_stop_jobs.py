"""From `flow-stopped` to the mark that runners look for."""

import pytest

from penstock_runner import handlers
from penstock_runner.use_cases.stop_jobs import FindStop, StopJobs
from penstock_shared.contracts.event import make_event
from penstock_shared.contracts.events import FlowAborted, FlowFailed
from penstock_shared.contracts.jobs import JobState
from penstock_shared.decisions import Result
from penstock_shared.errors import RefusedMessageError
from tests.support.builders import FLOW_ID, NOW, OTHER_FLOW_ID, a_cause, a_result
from tests.unit.penstock_runner.stand_ins import a_job, silent_records


def test_a_stopped_flow_is_found_with_its_reason() -> None:
    records = silent_records()

    stopped = FlowAborted(reason="wrong button", by="ada")
    assert StopJobs(records)(FLOW_ID, stopped, a_cause()).applied

    assert FindStop(records)(FLOW_ID) == "flow aborted by ada: wrong button"
    assert FindStop(records)(OTHER_FLOW_ID) is None


def test_the_first_reason_stays() -> None:
    records = silent_records()
    StopJobs(records)(FLOW_ID, FlowFailed(reason="lint failed"), a_cause())

    again = StopJobs(records)(FLOW_ID, FlowAborted(reason="late"), a_cause())

    assert again.result is Result.ALREADY_DONE
    assert FindStop(records)(FLOW_ID) == "flow failed: lint failed"


def test_the_function_takes_no_other_event() -> None:
    from penstock_shared.contracts.events import JobFinished

    event = make_event(
        JobFinished(result=a_result(a_job().job_id, state=JobState.FAILED)),
        flow_id=FLOW_ID,
        source="penstock/runner",
        time=NOW,
        traceparent=a_cause().traceparent,
        hop=1,
    )

    with pytest.raises(RefusedMessageError, match="does not consume job-finished"):
        handlers._handle(event, a_cause())
