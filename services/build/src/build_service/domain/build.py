"""A build: from a change to a plan with its artifacts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from penstock_shared.contracts.change import Change
from penstock_shared.contracts.events import (
    BuildCompleted,
    BuildRequested,
    FlowAborted,
    FlowFailed,
    FlowRef,
    FlowStopped,
    FlowSuperseded,
    Phase,
)
from penstock_shared.contracts.jobs import Job, JobResult, JobState
from penstock_shared.contracts.plan import ObjectRef, Plan
from penstock_shared.contracts.positions import Positions
from penstock_shared.decisions import Decision, Record, Refusal, Write, already_done, stale
from penstock_shared.jobs import build_job, build_job_id
from penstock_shared.proofs import JobProofs
from penstock_shared.turns import next_turns

PLANNING_PATIENCE = timedelta(minutes=10)
"""How long a change may wait for its plan. The limits of the fetch are much shorter."""
QUEUE_PATIENCE = timedelta(hours=1)
"""How long jobs may wait for a free runner, in addition to their timeouts. It restarts whenever one
of them ends, because the others then wait for their turn."""


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
    """The build of one flow. It has no change if the flow was stopped before its request came.

    `plan` is the draft while artifacts are built, and then the finished plan. `done` holds the
    positions of the components that are built, or have nothing to build; `asked` holds in addition
    those whose turn has come.
    """

    transitions: ClassVar[Mapping[BuildState, frozenset[BuildState]]] = {
        BuildState.STOPPED_EARLY: frozenset({BuildState.STOPPED}),
        BuildState.REQUESTED: frozenset(
            {BuildState.BUILDING, BuildState.COMPLETED, BuildState.FAILED, BuildState.STOPPED}
        ),
        BuildState.BUILDING: frozenset(
            {BuildState.COMPLETED, BuildState.FAILED, BuildState.STOPPED}
        ),
        # Its gates may still run.
        BuildState.COMPLETED: frozenset({BuildState.STOPPED}),
    }

    flow_id: str
    state: BuildState
    change: Change | None = None
    attempt: int = 1
    plan: ObjectRef | None = None
    components: int = 0
    asked: Positions = Positions()
    done: Positions = Positions()
    reason: str = ""
    stopped_early: str = ""
    """Why and by whom the flow was stopped, if it was stopped before its change was known."""

    @property
    def ready(self) -> bool:
        """Whether everything is built, so that only the finished plan is missing."""
        return self.state is BuildState.BUILDING and len(self.done) == self.components

    def finished(self, state: BuildState, reason: str = "") -> "Build":
        """The build in a final state."""
        return self.model_copy(update={"state": state, "reason": reason, "deadline": None})


def request(flow_id: str, change: Change, now: datetime, attempt: int = 1) -> Write[Build]:
    """A change was pushed: request its build."""
    build = Build(
        flow_id=flow_id,
        state=BuildState.REQUESTED,
        change=change,
        attempt=attempt,
        deadline=now + PLANNING_PATIENCE,
    )
    return Write(build, [BuildRequested(change=change, attempt=attempt)])


def receive(
    flow_id: str, build: Build | None, change: Change, now: datetime, attempt: int = 1
) -> Decision[Build]:
    """A flow was requested. If it is stopped already, keep its change and end it."""
    if build is None:
        return request(flow_id, change, now, attempt)
    if build.state is not BuildState.STOPPED_EARLY:
        return already_done(f"the build is {build.state}")
    stopped = build.model_copy(
        update={
            "state": BuildState.STOPPED,
            "change": change,
            "attempt": attempt,
            "stopped_early": build.reason,
        }
    )
    return Write(stopped, [BuildRequested(change=change, attempt=attempt)])


def refuse(flow_id: str, build: Build | None, change: Change, reason: str) -> Decision[Build]:
    """An impossible flow was requested: list it as failed, with the reason."""
    if build:
        return already_done(f"the build is {build.state}")
    failed = Build(flow_id=flow_id, state=BuildState.FAILED, change=change, reason=reason)
    return Write(
        failed, [BuildRequested(change=change), FlowFailed(phase=Phase.BUILD, reason=reason)]
    )


def why_not_again(build: Build | None, flow_id: str, attempt: int) -> str:
    """Why a flow cannot be run again as this attempt; empty if it can."""
    if build is None:
        return f"there is no flow {flow_id}, or it is older than what is kept"
    if build.change is None:
        return f"flow {flow_id} was stopped before its push arrived: there is nothing to run"
    if build.state in (BuildState.REQUESTED, BuildState.BUILDING):
        return f"flow {flow_id} still runs: its build is {build.state}"
    if attempt != build.attempt + 1:
        return f"flow {flow_id} is attempt {build.attempt}; it is run again as the next one only"
    return ""


def is_another_push(newest: Build, change: Change) -> bool:
    """Whether a push that makes the same change as this flow is another than the flow's own.

    A delivery that is repeated keeps its id. One under another id, by a second webhook, comes
    before the flow has its plan.
    """
    if newest.change is None or newest.state is BuildState.REQUESTED:
        return False
    return newest.change.delivery_id != change.delivery_id


def begin(
    build: Build, plan: Plan, stored: ObjectRef, proofs: JobProofs, now: datetime
) -> Write[Build]:
    """The plan is made, and `stored`: request its build jobs, or complete at once if there are
    none.
    """
    count = len(plan.components)
    done = Positions.of(n for n, component in enumerate(plan.components) if not component.built)
    if len(done) == count:
        return complete(build, plan, stored)
    building = {
        "state": BuildState.BUILDING,
        "plan": stored,
        "components": count,
        "asked": done,
        "done": done,
    }
    return _ask(build.model_copy(update=building), plan, proofs, now)


def _ask(build: Build, plan: Plan, proofs: JobProofs, now: datetime) -> Write[Build]:
    """Ask for the jobs of the components whose turn it is."""
    turns = next_turns(build.components, build.asked, build.done, plan.jobs_at_once)
    update = {"asked": build.asked.with_these(turns), "deadline": _deadline(plan, now)}
    jobs = [proofs.request(plan.flow_id, build_job(plan, number)) for number in turns]
    return Write(build.model_copy(update=update), jobs)


def fail(build: Build, reason: str) -> Write[Build]:
    """The change cannot be built: fail the flow."""
    return Write(
        build.finished(BuildState.FAILED, reason), [FlowFailed(phase=Phase.BUILD, reason=reason)]
    )


def overtake(build: Build, reason: str) -> Write[Build]:
    """A newer commit of the branch is ahead: end the flow as superseded."""
    return Write(
        build.finished(BuildState.STOPPED, reason),
        [FlowSuperseded(phase=Phase.BUILD, reason=reason)],
    )


def skip(build: Build, reason: str) -> Write[Build]:
    """The commit asks for no flow: end it."""
    return Write(
        build.finished(BuildState.STOPPED, reason), [FlowAborted(phase=Phase.BUILD, reason=reason)]
    )


def jobs_finished(
    build: Build, plan: Plan, results: Iterable[JobResult], proofs: JobProofs, now: datetime
) -> Decision[Build]:
    """Build jobs ended: fail with the first that did not succeed, or record those that did.

    Then the build is `ready`, or waits for the others.
    """
    refusals = [(_unexpected(build, plan, result), result) for result in results]
    expected = [result for refusal, result in refusals if refusal is None]
    if not expected:
        return next((refusal for refusal, _ in refusals if refusal), stale("nothing has ended"))
    done = build.done.with_these(_succeeded(expected))
    taken = build.model_copy(update={"done": done})
    failed = next((one for one in expected if one.state is not JobState.SUCCEEDED), None)
    return _fail_with(taken, failed) if failed else _ask(taken, plan, proofs, now)


def complete(build: Build, plan: Plan, stored: ObjectRef) -> Write[Build]:
    """The plan is finished, and `stored`: complete the build."""
    completed = build.finished(BuildState.COMPLETED).model_copy(update={"plan": stored})
    return Write(completed, [BuildCompleted(flow=flow_ref(plan, stored))])


def stop(flow_id: str, build: Build | None, stopped: FlowStopped) -> Decision[Build]:
    """The flow was stopped. A build that does not exist yet is marked, so that it never starts."""
    if build is None:
        reason = f"{stopped.reason} (by {stopped.by})" if stopped.by else stopped.reason
        return Write(Build(flow_id=flow_id, state=BuildState.STOPPED_EARLY, reason=reason))
    if build.state not in (BuildState.REQUESTED, BuildState.BUILDING):
        return already_done(f"the build is {build.state}")
    return Write(build.finished(BuildState.STOPPED, stopped.reason))


def cancel(flow_id: str, build: Build | None, stopped: FlowStopped) -> Decision[Build]:
    """End the flow of a pull request, also when it is built. One that does not exist yet is marked,
    so that it never starts.
    """
    if build is None:
        mark = Build(flow_id=flow_id, state=BuildState.STOPPED_EARLY, reason=stopped.reason)
        return Write(mark, [stopped])
    if not build.allows(build.state, BuildState.STOPPED):
        return already_done(f"the build is {build.state}")
    return Write(build.finished(BuildState.STOPPED, stopped.reason), [stopped])


def overdue(build: Build | None, now: datetime) -> Decision[Build]:
    """The build has waited for too long."""
    if build is None or build.deadline is None or build.deadline > now:
        return already_done("not overdue")
    waited_for = "its plan" if build.state is BuildState.REQUESTED else "its build jobs"
    return fail(build, f"gave up waiting for {waited_for} at {now:%Y-%m-%d %H:%M:%S} UTC")


def job_of(plan: Plan, result: JobResult) -> Job | None:
    """The job that the plan has at the place of a result; None if it has none there."""
    position = result.position
    planned = position < len(plan.components) and plan.components[position].build
    return build_job(plan, position) if planned else None


def is_of(plan: Plan, result: JobResult) -> bool:
    """Whether a result is of a job of this plan."""
    position = result.position
    return position < len(plan.components) and result.job_id == build_job_id(plan, position)


def flow_ref(plan: Plan, stored: ObjectRef) -> FlowRef:
    """The reference to the flow that later services need."""
    change = plan.change
    return FlowRef(
        forge=change.forge,
        repository=change.repository,
        ref=change.ref,
        sha=change.sha,
        trust=plan.trust,
        intent=plan.intent,
        started_at=plan.started_at,
        plan=stored,
        answered=change.answered,
    )


def _unexpected(build: Build, plan: Plan, result: JobResult) -> Refusal | None:
    if not is_of(plan, result):
        return stale(f"job {result.job_id} is not of this build")
    if build.state is not BuildState.BUILDING:
        return already_done(f"the build is {build.state}")
    if result.position in build.done:
        return already_done("this job's result is known")
    return None


def _succeeded(results: Sequence[JobResult]) -> Iterable[int]:
    return (one.position for one in results if one.state is JobState.SUCCEEDED)


def _fail_with(build: Build, result: JobResult) -> Write[Build]:
    reason = f"building {result.component} {result.how_it_ended()}"
    failed = build.finished(BuildState.FAILED, reason)
    return Write(failed, [FlowFailed(phase=Phase.BUILD, reason=reason, job=result)])


def _deadline(plan: Plan, now: datetime) -> datetime:
    longest = max(component.build.timeout for component in plan.components if component.build)
    return now + QUEUE_PATIENCE + timedelta(seconds=longest)
