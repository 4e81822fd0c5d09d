"""What is remembered of gates."""

from penstock_shared.contracts.plan import PlannedGate
from penstock_shared.decisions import Outcome
from penstock_shared.persistence.memo import Memo
from penstock_shared.plans import Plans
from test_runner_service.domain.run import RunState, TestRun


def verdict_key(gate: PlannedGate) -> str:
    """Under which question the verdict of a gate is remembered."""
    return f"verdict:{gate.key}"


def remember_verdicts(plans: Plans, verdicts: Memo, outcome: Outcome[TestRun]) -> None:
    """Where a run has just ended, however it did: remember the gates that passed in it on their
    first try. Together they are a call for 25.
    """
    run = outcome.record
    if not outcome.applied or run is None or run.flow is None or run.state is RunState.RUNNING:
        return
    plan = plans.load(run.flow.plan)
    answer = {"flow_id": run.flow_id}
    proven = {verdict_key(plan.gates[number]): answer for number in run.proven}
    if proven:
        verdicts.remember(proven)
