"""Remembers the verdicts of gates."""

from penstock_shared.contracts.plan import PlannedGate
from penstock_shared.decisions import Outcome
from penstock_shared.persistence.memo import Memo
from penstock_shared.plans import Plans
from test_runner_service.domain.run import RunState, TestRun


def verdict_keys(gate: PlannedGate) -> list[str]:
    """The keys in the memo of a gate's verdict, any of which proves it."""
    return [f"verdict:{key}" for key in (gate.key, gate.paths_key) if key]


def remember_verdicts(plans: Plans, verdicts: Memo, outcome: Outcome[TestRun]) -> None:
    """If a run has just ended, in any state, remember its gates that passed on their first try.

    One call writes the verdicts of 25 gates.
    """
    run = outcome.record
    if not outcome.applied or run is None or run.flow is None or run.state is RunState.RUNNING:
        return
    plan = plans.load(run.flow.plan)
    answer = {"flow_id": run.flow_id, "sha": run.flow.sha}
    proven = {key: answer for number in run.proven for key in verdict_keys(plan.gates[number])}
    if proven:
        verdicts.remember(plan.trust, proven)
