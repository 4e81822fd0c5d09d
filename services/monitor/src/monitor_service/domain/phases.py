"""The five phases of a flow: how each stands, since when, and why."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor_service.domain.endings import FlowEnding
from monitor_service.domain.facts import DeployedFact, FactBody, FlowFacts, RolledBackFact
from monitor_service.domain.jobs import jobs_by_phase, proven_gates
from monitor_service.domain.view import FlowState, JobView, PhaseState, PhaseView, ProvenView
from penstock_shared.contracts.change import Intent
from penstock_shared.contracts.events import EnvironmentRole, Phase
from penstock_shared.contracts.plan import Plan

ENVIRONMENTS: Mapping[Phase, tuple[EnvironmentRole, ...]] = {
    Phase.STAGING: (EnvironmentRole.STAGING, EnvironmentRole.PREVIEW),
    Phase.PRODUCTION: (EnvironmentRole.PRODUCTION,),
}
"""The environments that each phase deploys to; a preview's stands where staging stands."""


MOST_NAMED = 10
"""Components or gates that a reason names; of more it says how many."""


@dataclass(frozen=True)
class _Course:
    """How a phase went: when it began and was done, as far as facts tell."""

    phase: Phase
    state: PhaseState
    began: datetime | None = None
    done: datetime | None = None
    reason: str = ""


def phases_of(
    facts: FlowFacts, plan: Plan | None, ending: FlowEnding | None
) -> tuple[PhaseView, ...]:
    """Every phase in the order of a flow."""
    courses = [_course_of(phase, facts, plan) for phase in Phase]
    if ending and ending.stop:
        courses = _stop(courses, ending)
    jobs = jobs_by_phase(facts, plan, ending)
    return tuple(
        PhaseView(
            phase=course.phase,
            state=course.state,
            reason=course.reason or _despite(course, jobs[course.phase]),
            started_at=course.began,
            finished_at=course.done,
            jobs=jobs[course.phase],
            reused=_reused(facts, plan) if course.phase is Phase.TEST else (),
            proven=_proven(facts, plan) if course.phase is Phase.TEST else (),
            deadline=facts.baking.deadline if facts.baking and course.phase is Phase.BAKE else None,
        )
        for course in (_roll_back(course, facts) for course in courses)
    )


def _despite(course: _Course, jobs: Sequence[JobView]) -> str:
    """The gates that failed although their phase succeeded."""
    if course.state is not PhaseState.SUCCEEDED:
        return ""
    last = {job.title: job for job in jobs}
    failed = [title for title, job in last.items() if job.failed and job.allowed]
    more = [f"{len(failed) - MOST_NAMED:,} more"] if len(failed) > MOST_NAMED else []
    return f"failed, which is allowed: {', '.join(failed[:MOST_NAMED] + more)}" if failed else ""


def _course_of(phase: Phase, facts: FlowFacts, plan: Plan | None) -> _Course:
    began, done = _SPANS[phase](facts, plan)
    if done:
        return _Course(phase, PhaseState.SUCCEEDED, began, done, _remark(phase, facts, plan))
    skipped = _why_skipped(phase, facts, plan)
    if skipped:
        return _Course(phase, PhaseState.SKIPPED, reason=skipped)
    return _Course(phase, PhaseState.RUNNING if began else PhaseState.WAITING, began)


def _reused(facts: FlowFacts, plan: Plan | None) -> tuple[str, ...]:
    """The gates whose verdict was known already, as people name them."""
    if plan is None:
        return ()
    reused = set(facts.tested.reused_gates if facts.tested else ())
    reused.update(proven_gates(facts))
    return tuple(gate.label for number, gate in enumerate(plan.gates) if number in reused)


def _proven(facts: FlowFacts, plan: Plan | None) -> tuple[ProvenView, ...]:
    if facts.proven is None or plan is None:
        return ()
    labels = [gate.label for gate in plan.gates]
    return tuple(
        ProvenView(
            flow_id=proof.flow_id,
            sha=proof.sha,
            gates=tuple(labels[number] for number in proof.gates if number < len(labels)),
        )
        for proof in facts.proven.proofs
    )


_Span = tuple[datetime | None, datetime | None]


def _build(facts: FlowFacts, _plan: Plan | None) -> _Span:
    requested = _at(facts.requested) or (facts.about.started_at if facts.about else None)
    return requested, _at(facts.planned)


def _test(facts: FlowFacts, _plan: Plan | None) -> _Span:
    return _at(facts.planned), _at(facts.tested)


def _staging(facts: FlowFacts, plan: Plan | None) -> _Span:
    deployed = _deployed(Phase.STAGING, facts)
    began = deployed.begun_at if deployed else _at(facts.tested)
    gated = plan is not None and plan.release is not None and plan.release.gates_in_staging
    # A release with nothing to deploy is promoted without its gates.
    if gated and facts.verified is None and facts.promoted is None:
        return began, None
    return began, _at(facts.verified) or _at(deployed)


def _bake(facts: FlowFacts, _plan: Plan | None) -> _Span:
    return _at(facts.baking), _at(facts.promoted)


def _production(facts: FlowFacts, plan: Plan | None) -> _Span:
    deployed = _deployed(Phase.PRODUCTION, facts)
    if deployed:
        return deployed.begun_at, deployed.at
    straight = _goes_straight(facts, plan)
    return _at(facts.promoted) or (_at(facts.tested) if straight else None), None


_SPANS: Mapping[Phase, Callable[[FlowFacts, Plan | None], _Span]] = {
    Phase.BUILD: _build,
    Phase.TEST: _test,
    Phase.STAGING: _staging,
    Phase.BAKE: _bake,
    Phase.PRODUCTION: _production,
}


def _at(fact: FactBody | None) -> datetime | None:
    return fact.at if fact else None


def _deployed(phase: Phase, facts: FlowFacts) -> DeployedFact | None:
    found = (facts.deployment(role) for role in ENVIRONMENTS[phase])
    return next((fact for fact in found if fact), None)


def _goes_straight(facts: FlowFacts, plan: Plan | None) -> bool:
    """Whether the release has no staging: by its plan, or else by where it has arrived."""
    if plan and plan.release:
        return plan.release.staging is None
    arrived = _deployed(Phase.PRODUCTION, facts) is not None
    return arrived and not facts.baking and _deployed(Phase.STAGING, facts) is None


def _why_skipped(phase: Phase, facts: FlowFacts, plan: Plan | None) -> str:
    intent = facts.about.intent if facts.about else None
    if intent is Intent.CHECK and phase not in {Phase.BUILD, Phase.TEST}:
        return "a check ends with its gates"
    if intent is Intent.PREVIEW and phase in {Phase.BAKE, Phase.PRODUCTION}:
        return "a preview does not go to production"
    if phase in {Phase.STAGING, Phase.BAKE} and _goes_straight(facts, plan):
        return "the release has no staging environment"
    return ""


def _remark(phase: Phase, facts: FlowFacts, plan: Plan | None) -> str:
    if phase is Phase.TEST and plan and not plan.gates:
        return "there was no gate to run"
    if phase is Phase.BAKE and facts.promoted and facts.promoted.by:
        return f"promoted by {facts.promoted.by}"
    return ""


def _stop(courses: Sequence[_Course], ending: FlowEnding) -> list[_Course]:
    """The phases of a flow that was stopped: one of them bears the reason, none goes on."""
    where = ending.phase or _where(courses)
    return [_stopped(course, ending, here=course.phase is where) for course in courses]


def _where(courses: Sequence[_Course]) -> Phase:
    """The phase that a flow was in: the first that runs, or else the first that waits."""
    for state in (PhaseState.RUNNING, PhaseState.WAITING):
        for course in courses:
            if course.state is state:
                return course.phase
    return courses[-1].phase


def _stopped(course: _Course, ending: FlowEnding, *, here: bool) -> _Course:
    state = PhaseState(ending.state)
    if here:
        return replace(course, state=state, done=ending.at, reason=ending.reason)
    if course.state is PhaseState.RUNNING:
        return replace(course, state=state, done=ending.at)
    if course.state is PhaseState.WAITING:
        return replace(course, state=PhaseState.SKIPPED, reason=_BEFORE[ending.state])
    return course


_BEFORE: Mapping[FlowState, str] = {
    FlowState.FAILED: "the flow failed earlier",
    FlowState.ABORTED: "the flow was aborted earlier",
    FlowState.SUPERSEDED: "a newer change overtook the flow",
}


def _roll_back(course: _Course, facts: FlowFacts) -> _Course:
    found = (facts.roll_back(role) for role in ENVIRONMENTS.get(course.phase, ()))
    fact = next((fact for fact in found if fact), None)
    if fact is None or not fact.changed:
        return course
    reason = "; ".join((_back_on(fact), *_trouble(fact, facts)))
    if course.state is PhaseState.FAILED:
        return replace(course, reason=f"{course.reason}; rolled back: {reason}")
    done = course.done or fact.at
    return replace(course, state=PhaseState.ROLLED_BACK, done=done, reason=reason)


def _back_on(fact: RolledBackFact) -> str:
    put_back = fact.put_back
    if not put_back or len(put_back) > MOST_NAMED:
        count = fact.moved or len(put_back)
        many = f": {count} components" if count else ""
        return f"{fact.environment} is back on what it ran before{many}"
    back = [f"{one.name} {one.version}" for one in put_back if one.version]
    gone = [one.name for one in put_back if not one.version]
    parts = [
        f"back on {', '.join(back)}" if back else "",
        f"again without {', '.join(gone)}" if gone else "",
    ]
    return f"{fact.environment} is {', and '.join(part for part in parts if part)}"


def _trouble(fact: RolledBackFact, facts: FlowFacts) -> tuple[str, ...]:
    """What the roll-back has to say beside why there was one."""
    known = {stop.reason for stop in facts.stopped}
    return (fact.reason,) if fact.reason and fact.reason not in known else ()
