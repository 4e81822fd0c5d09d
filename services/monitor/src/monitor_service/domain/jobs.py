"""The jobs of a flow: which phase each belongs to, and what is known of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor_service.domain.endings import FlowEnding
from monitor_service.domain.facts import FlowFacts, JobBegan, JobEnded, JobFacts, StoppingJob
from monitor_service.domain.view import NOT_RUN, ArtifactView, JobView
from penstock_shared.contracts.events import EnvironmentRole, Phase
from penstock_shared.contracts.jobs import JobState
from penstock_shared.contracts.plan import Plan, PlannedGate
from penstock_shared.jobs import artifact_name, report_name

BUILD, TEST = "build", "test-runner"
STAGES_BY_OWNER: Mapping[str, Phase] = {BUILD: Phase.BUILD, TEST: Phase.TEST}
FLOW_ENDED = "the flow ended"
MOST_TAILS = 20
"""Failed jobs that are shown with the end of their log, 4,000 characters each."""


@dataclass(frozen=True)
class _Told:
    """What the jobs of a flow are told from."""

    facts: FlowFacts
    plan: Plan | None
    ending: FlowEnding | None

    @property
    def stopped(self) -> FlowEnding | None:
        """The ending of a flow that did not get to its goal."""
        return self.ending if self.ending and self.ending.stop else None


def jobs_by_phase(
    facts: FlowFacts, plan: Plan | None, ending: FlowEnding | None
) -> dict[Phase, tuple[JobView, ...]]:
    """The jobs that ran or run, as they began, and after them the gates that have not run."""
    told = _Told(facts, plan, ending)
    found: dict[Phase, list[JobView]] = {phase: [] for phase in Phase}
    for job in _known(facts):
        view = _as_planned(_view_of(job), job.newest, told)
        found[_phase_of(job, told)].append(_settled(view, job, told))
    if plan and not facts.tested and (ending is None or told.stopped):
        found[Phase.TEST].extend(_not_begun(plan, found[Phase.TEST], told))
    found[Phase.TEST] = _tries(found[Phase.TEST], plan)
    return {phase: _few_tails(sorted(jobs, key=_order)) for phase, jobs in found.items()}


def proven_gates(facts: FlowFacts) -> set[int]:
    """The positions of the gates that need not run."""
    proofs = facts.proven.proofs if facts.proven else ()
    return {number for proof in proofs for number in proof.gates}


def _as_planned(view: JobView, newest: JobBegan | JobEnded, told: _Told) -> JobView:
    """The view of a gate's job with what only the plan has."""
    gate, proven = _gate_of(newest, told.plan), told.facts.proven
    if gate is None:
        return view
    doubted = proven is not None and (newest.position or 0) in proven.doubted
    changes = {
        "flaky": doubted and view.state == JobState.SUCCEEDED,
        "variant": gate.variant,
        "allowed": gate.allow_failure,
        "quarantine": gate.quarantine,
        "artifacts": tuple(_artifacts(newest, gate)),
    }
    return view.model_copy(update=changes)


def _gate_of(newest: JobBegan | JobEnded, plan: Plan | None) -> PlannedGate | None:
    """The planned gate of a job; None of other jobs, and of those that the plan does not have."""
    position = newest.position
    if newest.owner != TEST or position is None or plan is None or position >= len(plan.gates):
        return None
    gate = plan.gates[position]
    named = (gate.name, gate.component) == (newest.name, newest.component)
    return gate if named else None


def _artifacts(newest: JobBegan | JobEnded, gate: PlannedGate) -> Iterator[ArtifactView]:
    kept = {one.name: one for one in newest.outputs} if isinstance(newest, JobEnded) else {}
    names = {
        **{artifact_name(number): path for number, path in enumerate(gate.artifacts)},
        **{report_name(number): report.path for number, report in enumerate(gate.reports)},
    }
    for name, path in names.items():
        if one := kept.get(name):
            yield ArtifactView(path=path, key=one.key, sha256=one.sha256, size=one.size)


def every_job(facts: FlowFacts) -> tuple[JobView, ...]:
    """Every job that ran or runs."""
    return tuple(_view_of(job) for job in _known(facts))


def _known(facts: FlowFacts) -> Iterator[JobFacts]:
    """Every job, with the one that stopped the flow among them before its own facts have come."""
    yield from facts.jobs
    known = {job.job_id for job in facts.jobs}
    for stop in facts.stopped:
        if stop.job and stop.job.job_id not in known:
            known.add(stop.job.job_id)
            yield JobFacts(stop.job.job_id, ended=(_ended(stop.job),))


def _ended(job: StoppingJob) -> JobEnded:
    told = job.model_dump(exclude={"job_id", "started_at", "finished_at"})
    return JobEnded(at=job.finished_at, began_at=job.started_at, **told)


def _phase_of(job: JobFacts, told: _Told) -> Phase:
    newest = job.newest
    if newest.owner in STAGES_BY_OWNER and newest.environment is None:
        return STAGES_BY_OWNER[newest.owner]
    in_production = newest.environment in _production_of(told)
    return Phase.PRODUCTION if in_production else Phase.STAGING


def _production_of(told: _Told) -> set[str | None]:
    """The names of the flow's production environment, from its plan or from what ran there."""
    known = {
        fact.environment
        for fact in (*told.facts.deployed, *told.facts.rolled_back)
        if fact.role is EnvironmentRole.PRODUCTION
    }
    planned = {told.plan.release.production.name} if told.plan and told.plan.release else set()
    return {*known, *planned}


def _settled(view: JobView, job: JobFacts, told: _Told) -> JobView:
    """A job whose end is not known, in a flow that was stopped after it began, was cancelled.

    The deployer waits for its commands, so those end by themselves until they are rolled back.
    """
    stop = told.stopped
    if stop is None or view.final or (view.started_at and view.started_at > stop.at):
        return view
    rolled_back = {fact.environment for fact in told.facts.rolled_back}
    if job.newest.owner not in STAGES_BY_OWNER and job.newest.environment not in rolled_back:
        return view
    changes = {
        "state": JobState.CANCELLED.value,
        "finished_at": stop.at,
        "reason": "the flow ended",
    }
    return view.model_copy(update=changes)


def _began_at(job: JobFacts) -> datetime:
    newest = job.newest
    return newest.began_at if isinstance(newest, JobEnded) else newest.at


def _view_of(job: JobFacts) -> JobView:
    newest = job.newest
    view = JobView(
        job_id=job.job_id,
        name=newest.name,
        component=newest.component,
        environment=newest.environment,
        state=JobState.RUNNING,
        attempts=newest.attempt,
        started_at=_began_at(job),
        log_stream=newest.log_stream,
    )
    return view.model_copy(update=_result_of(newest)) if isinstance(newest, JobEnded) else view


def _result_of(end: JobEnded) -> dict[str, object]:
    return {
        "state": end.state.value,
        "exit_code": end.exit_code,
        "finished_at": end.at,
        "reason": end.reason,
        "command": end.command,
        "tail": end.tail,
    }


def _not_begun(plan: Plan, begun: list[JobView], told: _Told) -> Iterator[JobView]:
    known = {(job.name, job.component, job.variant) for job in begun}
    state = NOT_RUN if told.stopped else JobState.WAITING.value
    not_here = proven_gates(told.facts)
    not_here |= {number for number, gate in enumerate(plan.gates) if gate.after}
    for number, gate in enumerate(plan.gates):
        if (gate.name, gate.component, gate.variant) not in known and number not in not_here:
            yield JobView(
                job_id=None,
                name=gate.name,
                component=gate.component,
                variant=gate.variant,
                allowed=gate.allow_failure,
                state=state,
                command=gate.run,
            )


def _tries(jobs: Iterable[JobView], plan: Plan | None) -> list[JobView]:
    """The jobs, each with which try of its gate it is: a gate that may be retried has several."""
    ordered = sorted(jobs, key=_order)
    most = {gate.label: gate.retries + 1 for gate in plan.gates} if plan else {}
    counted = Counter(job.title for job in ordered)
    so_far: Counter[str] = Counter()
    numbered = []
    for job in ordered:
        gate = job.title
        so_far[gate] += 1
        changes = {
            "tried": so_far[gate],
            "tries": max(most.get(gate, 1), counted[gate]),
            "flaky": job.flaky or (so_far[gate] > 1 and job.state == JobState.SUCCEEDED),
        }
        numbered.append(job.model_copy(update=changes) if counted[gate] > 1 else job)
    return numbered


def _few_tails(jobs: Iterable[JobView]) -> tuple[JobView, ...]:
    """The jobs, the first failed ones alone with the end of their log."""
    left = MOST_TAILS
    shown = []
    for job in jobs:
        kept = bool(job.tail) and job.failed and left > 0
        left -= kept
        shown.append(job if kept or not job.tail else job.model_copy(update={"tail": ""}))
    return tuple(shown)


def _order(job: JobView) -> tuple[bool, str, str, str]:
    began = job.started_at.isoformat() if job.started_at else ""
    return (job.started_at is None, began, job.component or "", job.name)
