"""Remembers the verdicts of gates."""

from penstock_shared.contracts.plan import PlannedGate
from penstock_shared.decisions import Outcome
from penstock_shared.persistence.memo import Memo
from penstock_shared.plans import Plans
from test_runner_service.domain.run import RunState, TestRun


def verdict_key(gate: PlannedGate) -> str:
    """The key in the memo of a gate's verdict."""
    return f"verdict:{gate.key}"


def remember_verdicts(plans: Plans, verdicts: Memo, outcome: Outcome[TestRun]) -> None:
    """If a run has just ended, in any state, remember its gates that passed on their first try.

    One call writes the verdicts of 25 gates.
    """
    run = outcome.record
    if not outcome.applied or run is None or run.flow is None or run.state is RunState.RUNNING:
        return
    plan = plans.load(run.flow.plan)
    answer = {"flow_id": run.flow_id}
    proven = {verdict_key(plan.gates[number]): answer for number in run.proven}
    if proven:
        verdicts.remember(plan.trust, proven)
