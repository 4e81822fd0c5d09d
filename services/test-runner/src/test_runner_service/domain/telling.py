"""What is said of gates beyond the verdict of their run, for flows whose forge is told."""

from collections.abc import Iterable
from dataclasses import replace

from penstock_shared.contracts.events import FlowRef, GatesJudged
from penstock_shared.contracts.jobs import JobResult
from penstock_shared.contracts.plan import Plan
from penstock_shared.contracts.positions import Positions
from penstock_shared.decisions import Decision, Write
from test_runner_service.domain.run import RunState, TestRun

LONGEST_REASON = 200
"""Characters of why a gate failed; its job's log has the rest."""
BLOCKED = "did not run: a gate that it needs has failed"


def with_known_verdicts(begun: Write[TestRun]) -> Write[TestRun]:
    """The beginning of a run, which says which gates passed in an earlier flow.

    If all of them did, `tests-passed` says so.
    """
    run, flow = begun.record, _told_flow(begun.record)
    if flow is None or run.state is not RunState.RUNNING or not len(run.reused):
        return begun
    return _saying(begun, GatesJudged(flow=flow, reused=tuple(run.reused)))


def with_verdicts(
    decision: Decision[TestRun], before: TestRun, plan: Plan, results: Iterable[JobResult]
) -> Decision[TestRun]:
    """A change of a run, which says which gates it ended."""
    flow = _told_flow(decision.record) if isinstance(decision, Write) else None
    if not isinstance(decision, Write) or flow is None:
        return decision
    after = decision.record
    how = {result.position: result.how_it_ended()[:LONGEST_REASON] for result in results}
    failed = {number: how.get(number, "failed") for number in _added(before.failed, after.failed)}
    failed |= dict.fromkeys(_added(before.blocked, after.blocked), BLOCKED)
    passed = tuple(_added(before.passed, after.passed))
    if not passed and not failed:
        return decision
    allowed = tuple(number for number in failed if plan.gates[number].allow_failure)
    judged = GatesJudged(flow=flow, passed=passed, failed=failed, allowed=allowed)
    return _saying(decision, judged)


def _told_flow(run: TestRun) -> FlowRef | None:
    return run.flow if run.flow and run.flow.answered else None


def _saying(change: Write[TestRun], judged: GatesJudged) -> Write[TestRun]:
    return replace(change, says=[judged, *change.says])


def _added(before: Positions, after: Positions) -> list[int]:
    return [number for number in after if number not in before]
