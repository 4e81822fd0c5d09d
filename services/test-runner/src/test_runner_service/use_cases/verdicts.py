"""Remembers the verdicts of gates.

A failure is remembered too, though never as a verdict: a gate that passes later on the same inputs
is flaky.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from penstock_shared.contracts.change import Change
from penstock_shared.contracts.plan import Plan, PlannedGate
from penstock_shared.contracts.registration import repository_id
from penstock_shared.decisions import Outcome
from penstock_shared.persistence.memo import Memo
from penstock_shared.plans import Plans
from test_runner_service.domain.run import Proof, Recalled, RunState, TestRun

_FAILED = "failed"


def verdict_keys(change: Change, gate: PlannedGate) -> list[str]:
    """The keys in the memo of a gate's verdict, any of which proves it; none of a gate that follows
    a deployment.

    They begin with the repository of the change, which no planner has a say in.
    """
    repository = repository_id(change.forge, change.repository)
    keys = () if gate.after else (gate.key, gate.paths_key)
    return [f"verdict:{repository}:{key}" for key in keys if key]


def recall_verdicts(verdicts: Memo, plan: Plan) -> Recalled:
    """What earlier flows say of a plan's gates; nothing where the change asks for a fresh run."""
    if plan.change.fresh:
        return Recalled()
    keys = [verdict_keys(plan.change, gate) for gate in plan.gates]
    known = verdicts.recall(plan.trust, chain.from_iterable(keys))
    if not known:
        return Recalled()
    proofs = ((number, _proof_in(known, own)) for number, own in enumerate(keys))
    return Recalled(
        {number: proof for number, proof in proofs if proof},
        frozenset(
            number for number, own in enumerate(keys) if own and _FAILED in known.get(own[0], {})
        ),
    )


def _proof_in(known: Mapping[str, Mapping[str, Any]], keys: list[str]) -> Proof | None:
    answers = (known[key] for key in keys if key in known)
    found = next((answer for answer in answers if _FAILED not in answer), None)
    return Proof(str(found["flow_id"]), str(found.get("sha", ""))) if found else None


def remember_verdicts(plans: Plans, verdicts: Memo, outcome: Outcome[TestRun]) -> None:
    """If a run has just ended, in any state, remember its gates that passed on their first try, and
    those that failed.

    One call writes the verdicts of 24 gates.
    """
    run = outcome.record
    if not outcome.applied or run is None or run.flow is None or run.state is RunState.RUNNING:
        return
    plan = plans.load(run.flow.plan)
    answers = dict(_answers(run, plan))
    if answers:
        verdicts.remember(plan.trust, answers)


def _answers(run: TestRun, plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    """What passed on its first try, and what failed, under their keys, by toolchain."""
    keys = [verdict_keys(plan.change, gate) for gate in plan.gates]
    for toolchain, ended in run.made_with.items():
        answer = {"flow_id": plan.flow_id, "sha": plan.change.sha, "toolchain": toolchain}
        passed = (key for number in run.proven.get(toolchain, ()) for key in keys[number])
        yield from ((key, answer) for key in passed)
        failed = (key for number in run.failed if number in ended for key in keys[number][:1])
        yield from ((key, answer | {_FAILED: True}) for key in failed)
