"""The fold: from a flow's facts, and its plan where it can be read, to what people see of it.

Everything here depends on the set of facts alone, never on the order in which they came.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor_service.domain.components import components_of
from monitor_service.domain.endings import FlowEnding, ending_of
from monitor_service.domain.facts import AboutFlow, FlowFacts, RequestedFact, RolledBackFact
from monitor_service.domain.phases import phases_of
from monitor_service.domain.view import (
    AbortRequestView,
    FlowState,
    FlowView,
    PullRequestView,
    RollbackView,
    VersionView,
)
from penstock_shared.contracts.change import Intent
from penstock_shared.contracts.events import EnvironmentRole, Phase
from penstock_shared.contracts.plan import Plan

PHASE_ROLES: Mapping[Phase | None, EnvironmentRole] = {
    Phase.STAGING: EnvironmentRole.STAGING,
    Phase.PRODUCTION: EnvironmentRole.PRODUCTION,
}


@dataclass(frozen=True)
class _Origin:
    """What a flow is about."""

    repository: str
    ref: str
    sha: str
    started_at: datetime


def fold(facts: FlowFacts, plan: Plan | None = None) -> FlowView | None:
    """The flow as these facts tell it; None if they do not even tell what the flow is about."""
    origin = _origin_of(facts)
    if origin is None:
        return None
    ending = ending_of(facts)
    state = _state_of(facts, ending)
    requested = facts.requested
    return FlowView(
        flow_id=facts.flow_id,
        repository=origin.repository,
        ref=origin.ref,
        sha=origin.sha,
        intent=facts.about.intent if facts.about else None,
        state=state,
        reason=ending.reason if ending else "",
        started_at=origin.started_at,
        finished_at=ending.at if ending else None,
        release=_release_of(facts, plan),
        phases=phases_of(facts, plan, ending),
        components=components_of(facts, plan),
        author=requested.author if requested else "",
        message=requested.message if requested else "",
        attempt=requested.attempt if requested else 1,
        pull_request=_pull_request(requested, plan),
        bakes_until=facts.baking.deadline if facts.baking and state is FlowState.BAKING else None,
        stopped_by=ending.by if ending else "",
        promoted_by=facts.promoted.by if facts.promoted else "",
        undoing=_undoing(facts, ending),
        rollbacks=tuple(_rollback(fact) for fact in facts.rolled_back if fact.changed),
        abort_requests=tuple(
            AbortRequestView(by=asked.by, reason=asked.reason) for asked in facts.asked
        ),
    )


def _origin_of(facts: FlowFacts) -> _Origin | None:
    known: RequestedFact | AboutFlow | None = facts.requested or facts.about
    if known is None:
        return None
    started_at = known.started_at if isinstance(known, AboutFlow) else known.at
    return _Origin(known.repository, known.ref, known.sha, started_at)


def _pull_request(requested: RequestedFact | None, plan: Plan | None) -> PullRequestView | None:
    if requested is None or requested.pull_request is None:
        return None
    return PullRequestView(
        number=requested.pull_request,
        fork=requested.fork,
        base=requested.base,
        merge=plan.merge if plan else "",
    )


def _state_of(facts: FlowFacts, ending: FlowEnding | None) -> FlowState:
    if ending:
        return ending.state
    baking = facts.baking and not facts.promoted
    return FlowState.BAKING if baking else FlowState.RUNNING


def _undoing(facts: FlowFacts, ending: FlowEnding | None) -> bool:
    """Whether a stop concerns an environment of which no rollback has been told yet."""
    if ending is None or ending.state not in {FlowState.FAILED, FlowState.ABORTED}:
        return False
    back = {fact.role for fact in facts.rolled_back}
    touched = {PHASE_ROLES[ending.phase]} if ending.phase in PHASE_ROLES else set()
    if ending.state is FlowState.ABORTED:
        touched |= {fact.role for fact in facts.deployed}
    return not touched <= back


def _release_of(facts: FlowFacts, plan: Plan | None) -> str | None:
    if facts.promoted or facts.baking:
        return (facts.promoted or facts.baking).version  # type: ignore[union-attr]  # one of them is there
    if plan and plan.intent is Intent.RELEASE and plan.release:
        return plan.release.version
    return None


def _rollback(fact: RolledBackFact) -> RollbackView:
    versions = (VersionView(name=one.name, version=one.version) for one in fact.put_back)
    return RollbackView(
        environment=fact.environment,
        role=fact.role,
        at=fact.at,
        components=tuple(versions),
        reason=fact.reason,
    )
