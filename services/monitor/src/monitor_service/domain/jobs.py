"""The jobs of a flow: which stage each belongs to, and what is known of it."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from monitor_service.domain.facts import FlowFacts, JobEnded, JobFacts, StoppingJob
from monitor_service.domain.view import JobView
from penstock_shared.contracts.events import EnvironmentRole, Stage
from penstock_shared.contracts.jobs import JobState
from penstock_shared.contracts.plan import Plan

STAGES_BY_OWNER: Mapping[str, Stage] = {"build": Stage.BUILD, "test-runner": Stage.TEST}


def jobs_by_stage(
    facts: FlowFacts, plan: Plan | None, *, ended: bool
) -> dict[Stage, tuple[JobView, ...]]:
    """The jobs that ran or run, as they began, and after them those that are planned and wait."""
    found: dict[Stage, list[JobView]] = {stage: [] for stage in Stage}
    for job in _known(facts):
        found[_stage_of(job, facts)].append(_view_of(job))
    if plan and not ended and not facts.tested:
        found[Stage.TEST].extend(_waiting(plan, found[Stage.TEST]))
    return {stage: tuple(sorted(jobs, key=_order)) for stage, jobs in found.items()}


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


def _stage_of(job: JobFacts, facts: FlowFacts) -> Stage:
    owner = job.newest.owner
    if owner in STAGES_BY_OWNER:
        return STAGES_BY_OWNER[owner]
    # A deployer's job does not say which environment it is for, but staging is done with first.
    promoted = facts.promoted is not None and _began_at(job) >= facts.promoted.at
    straight = bool(facts.deployed) and facts.deployment(EnvironmentRole.STAGING) is None
    return Stage.PRODUCTION if promoted or straight else Stage.STAGING


def _began_at(job: JobFacts) -> datetime:
    newest = job.newest
    return newest.began_at if isinstance(newest, JobEnded) else newest.at


def _view_of(job: JobFacts) -> JobView:
    newest = job.newest
    view = JobView(
        job_id=job.job_id,
        name=newest.name,
        component=newest.component,
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


def _waiting(plan: Plan, begun: list[JobView]) -> Iterator[JobView]:
    known = {(job.name, job.component) for job in begun}
    for gate in plan.gates:
        if (gate.name, gate.component) not in known:
            yield JobView(
                job_id=None,
                name=gate.name,
                component=gate.component,
                state=JobState.WAITING,
                command=gate.run,
            )


def _order(job: JobView) -> tuple[bool, str, str, str]:
    began = job.started_at.isoformat() if job.started_at else ""
    return (job.started_at is None, began, job.component or "", job.name)
