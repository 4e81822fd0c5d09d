"""The record of a flow: what its events have said so far, in whichever order they came.

Each event adds what it knows. What is said of the flow follows from all of it, so that a late or a
repeated event changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from answers_service.domain.answer import AnsweredCommit
from penstock_shared.contracts.answers import CoverageChange, Finding
from penstock_shared.contracts.change import Change, Intent
from penstock_shared.contracts.events import (
    DeployDone,
    EnvironmentRole,
    FlowAborted,
    FlowFailed,
    FlowStopped,
    GatesJudged,
)
from penstock_shared.contracts.plan import Plan, PlannedGate
from penstock_shared.contracts.positions import Positions
from penstock_shared.decisions import Decision, Record, Write, already_done

MOST_CHECKS = 30
"""The most statuses of gates of one commit. GitHub allows 1,000 in all, and a person reads few."""
OTHER_GATES = "the other gates"
MOST_LABELS = 500
"""The most gates whose names are kept. The page has all of them."""
MOST_FAILURES = 20
"""The most failed gates whose reasons are kept."""
MOST_FINDINGS = 50
MOST_COMPONENTS = 50


class AnsweredFlowState(StrEnum):
    """Whether the flow's commit is known. Until then nothing can be said."""

    UNKNOWN = "unknown"
    KNOWN = "known"


class EarlyEnding(BaseModel):
    """How a flow ended before its goal. `failed` is false if somebody or a newer flow ended it."""

    model_config = ConfigDict(frozen=True)

    how: str
    failed: bool
    reason: str
    by: str = ""
    phase: str = ""


class GateGroup(BaseModel):
    """One or several gates that share a status: their positions in the plan."""

    model_config = ConfigDict(frozen=True)

    label: str
    gates: Positions


class AnsweredFlow(Record):
    """What is known of a flow. `order` sorts the flows of one commit by their age.

    `progress` counts what was added, so that what is said of an earlier state never replaces what
    is said of a later one. `passed`, `failed` and `reused` are positions of gates; `allowed` are
    those that may fail.
    """

    transitions: ClassVar[Mapping[AnsweredFlowState, frozenset[AnsweredFlowState]]] = {
        AnsweredFlowState.UNKNOWN: frozenset({AnsweredFlowState.KNOWN}),
        AnsweredFlowState.KNOWN: frozenset({AnsweredFlowState.KNOWN}),
    }

    flow_id: str
    state: AnsweredFlowState = AnsweredFlowState.UNKNOWN
    progress: int = 0
    target: AnsweredCommit | None = None
    order: datetime | None = None
    intent: Intent | None = None
    checks: tuple[GateGroup, ...] = ()
    labels: dict[int, str] = {}
    components: tuple[str, ...] = ()
    production: str = ""
    passed: Positions = Positions()
    failed: Positions = Positions()
    reused: Positions = Positions()
    allowed: Positions = Positions()
    reasons: dict[int, str] = {}
    findings: tuple[Finding, ...] = ()
    coverage: CoverageChange | None = None
    planned: bool = False
    tested: bool = False
    staged: bool = False
    released: bool = False
    ending: EarlyEnding | None = None


def requested(flow_id: str, known: AnsweredFlow | None, change: Change) -> Decision[AnsweredFlow]:
    """Somebody pushed: the commit is known from now on."""
    return _with(known, flow_id, **_about(change))


def planned(flow_id: str, known: AnsweredFlow | None, plan: Plan) -> Decision[AnsweredFlow]:
    """The plan is ready: its gates and what it would deploy are known from now on."""
    return _with(
        known,
        flow_id,
        **_about(plan.change),
        intent=plan.intent,
        planned=True,
        checks=_checks(plan.gates),
        labels={number: gate.label for number, gate in enumerate(plan.gates[:MOST_LABELS])},
        components=tuple(_deployed_by(plan)[:MOST_COMPONENTS]),
        production=plan.release.production.name if plan.release else "",
    )


def judged(flow_id: str, known: AnsweredFlow | None, told: GatesJudged) -> Decision[AnsweredFlow]:
    """Gates ended. One that has ended keeps its verdict."""
    before = known or AnsweredFlow(flow_id=flow_id)
    ended = {*before.passed, *before.failed}
    reasons = {n: why for n, why in told.failed.items() if n not in ended} | before.reasons
    return _with(
        known,
        flow_id,
        passed=before.passed.with_these(n for n in told.passed if n not in ended),
        failed=before.failed.with_these(n for n in told.failed if n not in ended),
        reused=before.reused.with_these(told.reused),
        allowed=before.allowed.with_these(told.allowed),
        reasons=dict(sorted(reasons.items())[:MOST_FAILURES]),
        findings=_distinct((*before.findings, *told.findings)),
        coverage=told.coverage or before.coverage,
    )


def tested(
    flow_id: str, known: AnsweredFlow | None, reused: Iterable[int]
) -> Decision[AnsweredFlow]:
    """Every gate that had to pass has passed."""
    before = known or AnsweredFlow(flow_id=flow_id)
    return _with(known, flow_id, tested=True, reused=before.reused.with_these(reused))


def deployed(flow_id: str, known: AnsweredFlow | None, done: DeployDone) -> Decision[AnsweredFlow]:
    """An environment runs the release."""
    name = {EnvironmentRole.STAGING: "staged", EnvironmentRole.PRODUCTION: "released"}
    field = name.get(done.role)
    return _with(known, flow_id, **{field: True}) if field else already_done("it is a preview")


def stopped(flow_id: str, known: AnsweredFlow | None, why: FlowStopped) -> Decision[AnsweredFlow]:
    """The flow ended before its goal. What was said first stays."""
    if known and known.ending:
        return already_done(f"the flow {known.ending.how}")
    how = {FlowFailed: "failed", FlowAborted: "was aborted"}.get(type(why), "was superseded")
    ending = EarlyEnding(
        how=how,
        failed=isinstance(why, FlowFailed),
        reason=why.reason,
        by=why.by,
        phase=why.phase or "",
    )
    return _with(known, flow_id, ending=ending)


def _with(known: AnsweredFlow | None, flow_id: str, **update: object) -> Decision[AnsweredFlow]:
    before = known or AnsweredFlow(flow_id=flow_id)
    after = before.model_copy(update=update)
    if known and after == before:
        return already_done("it is known")
    return Write(after.model_copy(update={"progress": before.progress + 1}))


def _about(change: Change) -> dict[str, object]:
    target = AnsweredCommit(
        forge=change.forge,
        repository=change.repository,
        sha=change.sha,
        ref=change.ref,
        pull_request=change.pull_request,
    )
    return {"state": AnsweredFlowState.KNOWN, "target": target, "order": change.pushed_at}


def _checks(gates: Sequence[PlannedGate]) -> tuple[GateGroup, ...]:
    """The statuses of the gates: one for each, or else one for each name, and one for the rest."""
    groups = _grouped(gates, lambda gate: gate.label)
    if len(groups) > MOST_CHECKS:
        groups = _grouped(gates, lambda gate: gate.name)
    if len(groups) > MOST_CHECKS:
        rest = [number for _, group in groups[MOST_CHECKS - 1 :] for number in group]
        groups = [*groups[: MOST_CHECKS - 1], (OTHER_GATES, rest)]
    return tuple(GateGroup(label=label, gates=Positions.of(group)) for label, group in groups)


def _grouped(
    gates: Sequence[PlannedGate], name_of: Callable[[PlannedGate], str]
) -> list[tuple[str, list[int]]]:
    groups: dict[str, list[int]] = {}
    for number, gate in enumerate(gates):
        groups.setdefault(name_of(gate), []).append(number)
    return list(groups.items())


def _deployed_by(plan: Plan) -> list[str]:
    """The components that are deployed, and of which this flow makes a new version."""
    return [one.name for one in plan.components if one.deploy and one.built]


def _distinct(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(dict.fromkeys(findings))[:MOST_FINDINGS]
