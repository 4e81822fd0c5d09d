"""A build: from a change to a plan with its artifacts."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from penstock_shared.contracts.change import Change as PushedChange
from penstock_shared.contracts.events import (
    BuildCompleted,
    BuildRequested,
    FlowFailed,
    FlowRef,
    FlowStopped,
    JobRequested,
    Stage,
)
from penstock_shared.contracts.jobs import Job, JobResult, JobState
from penstock_shared.contracts.plan import ObjectRef, Plan
from penstock_shared.decisions import Change, Decision, Record, Refusal, Result, already_done, stale
from penstock_shared.plans import plan_reference

PLANNING_PATIENCE = timedelta(minutes=10)
"""How long a change may wait for its plan: the fetch's own limits end well before."""
QUEUE_PATIENCE = timedelta(hours=1)
"""How long jobs may wait for a free runner, on top of what they may run."""


class BuildState(StrEnum):
    """Where a build stands."""

    REQUESTED = "requested"
    BUILDING = "building"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    STOPPED_EARLY = "stopped-early"
    """Stopped before its change was known."""


class Build(Record):
    """The build of one flow. A build that was stopped before it was asked for has no change."""

    transitions: ClassVar[Mapping[BuildState, frozenset[BuildState]]] = {
        BuildState.STOPPED_EARLY: frozenset({BuildState.STOPPED}),
        BuildState.REQUESTED: frozenset(
            {BuildState.BUILDING, BuildState.COMPLETED, BuildState.FAILED, BuildState.STOPPED}
        ),
        BuildState.BUILDING: frozenset(
            {BuildState.COMPLETED, BuildState.FAILED, BuildState.STOPPED}
        ),
    }

    flow_id: str
    state: BuildState
    change: PushedChange | None = None
    attempt: int = 1
    plan: Plan | None = None
    jobs: dict[str, JobState] = {}
    reason: str = ""
    stopped_early: str = ""
    """Why the flow was stopped, and by whom, if that came before its change."""

    def finished(self, state: BuildState, reason: str = "") -> "Build":
        """The build in a final state."""
        return self.model_copy(update={"state": state, "reason": reason, "deadline": None})


def request(flow_id: str, change: PushedChange, now: datetime, attempt: int = 1) -> Change[Build]:
    """A change was pushed: ask for its build."""
    build = Build(
        flow_id=flow_id,
        state=BuildState.REQUESTED,
        change=change,
        attempt=attempt,
        deadline=now + PLANNING_PATIENCE,
    )
    return Change(build, [BuildRequested(change=change, attempt=attempt)])


def receive(
    flow_id: str, build: Build | None, change: PushedChange, now: datetime
) -> Decision[Build]:
    """A push was delivered. A flow that was stopped before it takes the change in, and ends."""
    if build is None:
        return request(flow_id, change, now)
    if build.state is not BuildState.STOPPED_EARLY:
        return already_done(f"the build is {build.state}")
    stopped = build.model_copy(
        update={"state": BuildState.STOPPED, "change": change, "stopped_early": build.reason}
    )
    return Change(stopped, [BuildRequested(change=change, attempt=build.attempt)])


def begin(build: Build, plan: Plan, jobs: Sequence[Job], now: datetime) -> Change[Build]:
    """The plan is made: run what has to be built, or complete at once when nothing has to."""
    planned = build.model_copy(update={"plan": plan})
    if not jobs:
        return _complete(planned)
    building = planned.model_copy(
        update={
            "state": BuildState.BUILDING,
            "jobs": {job.job_id: JobState.WAITING for job in jobs},
            "deadline": now + QUEUE_PATIENCE + timedelta(seconds=max(job.timeout for job in jobs)),
        }
    )
    return Change(building, [JobRequested(job=job) for job in jobs])


def fail(build: Build, reason: str) -> Change[Build]:
    """The change cannot be built: the flow ends here."""
    return Change(
        build.finished(BuildState.FAILED, reason), [FlowFailed(stage=Stage.BUILD, reason=reason)]
    )


def job_finished(build: Build | None, result: JobResult) -> Decision[Build]:
    """A build job ended: fail with it, wait for the others, or complete."""
    refusal = _unexpected(build, result)
    if refusal or build is None or build.plan is None:
        return refusal or stale("the build has no plan")
    if result.state is not JobState.SUCCEEDED:
        return _fail_with(build, result)
    jobs = build.jobs | {result.job_id: JobState.SUCCEEDED}
    built = build.model_copy(update={"jobs": jobs, "plan": _with_artifact(build.plan, result)})
    return _complete(built) if all(state.final for state in jobs.values()) else Change(built)


def stop(flow_id: str, build: Build | None, stopped: FlowStopped) -> Decision[Build]:
    """The flow was stopped. A build that is not there yet is marked, so that it never starts."""
    if build is None:
        reason = f"{stopped.reason} (by {stopped.by})" if stopped.by else stopped.reason
        return Change(Build(flow_id=flow_id, state=BuildState.STOPPED_EARLY, reason=reason))
    if build.state not in (BuildState.REQUESTED, BuildState.BUILDING):
        return already_done(f"the build is {build.state}")
    return Change(build.finished(BuildState.STOPPED, stopped.reason))


def overdue(build: Build | None, now: datetime) -> Decision[Build]:
    """The sweeper found the build waiting for too long."""
    if build is None or build.deadline is None or build.deadline > now:
        return already_done("not overdue")
    waited_for = "its plan" if build.state is BuildState.REQUESTED else "its build jobs"
    return fail(build, f"gave up waiting for {waited_for} at {now:%Y-%m-%d %H:%M:%S} UTC")


def _unexpected(build: Build | None, result: JobResult) -> Refusal | None:
    if build is None or result.job_id not in build.jobs:
        return stale(f"job {result.job_id} is not of this build")
    if build.state is not BuildState.BUILDING:
        return already_done(f"the build is {build.state}")
    if build.jobs[result.job_id].final:
        return Refusal(Result.ALREADY_DONE, "this job's result is known")
    return None


def _fail_with(build: Build, result: JobResult) -> Change[Build]:
    reason = f"building {result.component} {result.how_it_ended()}"
    failed = build.finished(BuildState.FAILED, reason).model_copy(
        update={"jobs": build.jobs | {result.job_id: result.state}}
    )
    return Change(failed, [FlowFailed(stage=Stage.BUILD, reason=reason, job=result)])


def _with_artifact(plan: Plan, result: JobResult) -> Plan:
    outputs = {output.name: output for output in result.outputs}
    components = tuple(
        component.model_copy(
            update={
                "artifact": ObjectRef(
                    key=outputs[component.name].key,
                    sha256=outputs[component.name].sha256,
                    size=outputs[component.name].size,
                )
            }
        )
        if component.name == result.component and component.name in outputs
        else component
        for component in plan.components
    )
    return plan.model_copy(update={"components": components})


def _complete(build: Build) -> Change[Build]:
    completed = build.finished(BuildState.COMPLETED)
    return Change(completed, [BuildCompleted(flow=flow_ref(completed))])


def flow_ref(build: Build) -> FlowRef:
    """What later stages need to know of the flow. Raises ValueError without a plan."""
    if build.plan is None:
        raise ValueError(f"build {build.flow_id} has no plan")
    change = build.plan.change
    return FlowRef(
        forge=change.forge,
        repository=change.repository,
        ref=change.ref,
        sha=change.sha,
        intent=build.plan.intent,
        started_at=build.plan.started_at,
        plan=plan_reference(build.plan),
    )
