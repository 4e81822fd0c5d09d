"""What the test-runner says of single gates, for flows whose forge is told."""

import pytest

from penstock_shared.contracts.events import FlowFailed, GatesJudged, TestsPassed
from penstock_shared.contracts.jobs import JobResult, JobState
from penstock_shared.contracts.plan import Plan
from penstock_shared.decisions import Write
from penstock_shared.jobs import gate_job_id
from test_runner_service.domain import run
from test_runner_service.domain.run import Proof, Recalled, TestRun
from test_runner_service.domain.telling import BLOCKED, with_known_verdicts, with_verdicts
from tests.support.builders import FLOW_ID, NOW, PROOFS, SHA, a_flow_ref, a_gate, a_plan, a_result


def plan() -> Plan:
    return a_plan(
        gates=(
            a_gate("lint"),
            a_gate("unit", allow_failure=True),
            a_gate("types"),
            a_gate("slow", needs=(2,)),
        )
    )


def begun(*reused: int, answered: bool = True) -> Write[TestRun]:
    ref = a_flow_ref(answered=answered)
    recalled = Recalled(dict.fromkeys(reused, Proof(FLOW_ID, SHA)))
    return with_known_verdicts(run.begin(ref, plan(), recalled, PROOFS, NOW))


def ended(position: int, state: JobState) -> JobResult:
    return a_result(
        gate_job_id(plan(), position, 1),
        owner="test-runner",
        record=FLOW_ID,
        position=position,
        state=state,
        exit_code=0 if state is JobState.SUCCEEDED else 1,
    )


def after(before: TestRun, *results: JobResult) -> Write[TestRun]:
    decision = run.jobs_finished(before, plan(), results, PROOFS, NOW)
    told = with_verdicts(decision, before, plan(), results)
    assert isinstance(told, Write)
    return told


def judged(change: Write[TestRun]) -> list[GatesJudged]:
    return [data for data in change.says if isinstance(data, GatesJudged)]


def test_a_run_says_at_once_which_gates_are_known() -> None:
    (told,) = judged(begun(0))

    assert told.reused == (0,)


@pytest.mark.parametrize("reused", [(), (0, 1, 2, 3)])
def test_a_run_says_nothing_that_another_event_says(reused: tuple[int, ...]) -> None:
    assert judged(begun(*reused)) == []


def test_gates_that_end_are_told_with_their_reasons_in_one_event() -> None:
    results = [ended(0, JobState.SUCCEEDED), ended(1, JobState.FAILED), ended(2, JobState.FAILED)]

    change = after(begun().record, *results)

    (told,) = judged(change)
    assert told.passed == (0,)
    assert told.failed == {
        1: "failed with exit code 1",
        2: "failed with exit code 1",
        3: BLOCKED,
    }
    assert told.allowed == (1,)
    assert any(isinstance(data, FlowFailed) for data in change.says)


def test_the_last_verdict_comes_with_the_end_of_the_run() -> None:
    first = after(begun(0, 1).record, ended(2, JobState.SUCCEEDED))

    last = after(first.record, ended(3, JobState.SUCCEEDED))

    assert [type(data) for data in last.says] == [GatesJudged, TestsPassed]
    assert judged(last)[0].passed == (3,)


def test_a_flow_that_is_not_answered_publishes_nothing_more() -> None:
    start = begun(0, answered=False)

    assert judged(start) == []
    assert judged(after(start.record, ended(2, JobState.FAILED))) == []
