"""How a deployment gets out again: stop, wind down, take back, in reverse order."""

from datetime import datetime, timedelta

from deployer_service.domain.deployment import (
    UNDER_WAY,
    Deployment,
    DeploymentState,
    Step,
    StepResult,
    StepState,
)
from deployer_service.domain.environment import Environment, Place
from deployer_service.domain.ports import Means
from penstock_shared.contracts.event import EventData
from penstock_shared.contracts.events import RolledBack, outcomes_of
from penstock_shared.decisions import Change, Decision, already_done, stale

RECALL_PATIENCE = timedelta(hours=1)
"""How often the sweeper looks at a rollback that waits for its environment."""


def stop(known: Deployment | None, marker: Deployment, means: Means) -> Decision[Deployment]:
    """The flow was stopped, for the reason that `marker` tells.

    The marker takes the place of a deployment that does not exist yet, so that it never begins.
    """
    if known is None:
        return Change(marker)
    if known.state is DeploymentState.WAITING:
        return Change(known.becomes(DeploymentState.STOPPED, reason=marker.reason))
    if known.state is DeploymentState.DEPLOYING:
        return wind_down(known.becomes(DeploymentState.STOPPING, reason=marker.reason), means)
    if known.state is DeploymentState.DONE:
        return Change(recall(known, marker.reason, means.now))
    return already_done(f"the deployment is {known.state}")


def recall(deployment: Deployment, reason: str, now: datetime) -> Deployment:
    """The deployment that was done and has to go again, once it has its environment."""
    deadline = now + RECALL_PATIENCE
    return deployment.becomes(DeploymentState.RECALLED, reason=reason, deadline=deadline)


def wind_down(deployment: Deployment, means: Means) -> Change[Deployment]:
    """Wait for what runs; when nothing does, go back to what ran before this deployment.

    Not to the last good version: what this deployment left alone was not judged, and must go on
    beside what it fits.
    """
    if deployment.running:
        return Change(deployment.model_copy(update={"deadline": earliest_deadline(deployment)}))
    touched = [
        step.now(undo=StepState.WAITING, target=step.before)
        for step in deployment.steps
        if step.state in {StepState.SUCCEEDED, StepState.FAILED}
    ]
    return _go_back(deployment.with_steps(touched), means)


def begin_back(
    known: Deployment | None, environment: Environment, means: Means
) -> Decision[Deployment]:
    """The recalled deployment has its environment: take back what is still its own."""
    if known is None or known.state is not DeploymentState.RECALLED:
        return already_done("the deployment was not recalled, or is no longer")
    steps = [_destined(known, step, environment.place(step.name)) for step in known.steps]
    return _go_back(known.with_steps(steps).model_copy(update={"token": environment.token}), means)


def came_back(known: Deployment | None, result: StepResult, means: Means) -> Decision[Deployment]:
    """A component was taken back, or could not be."""
    if known is None or known.state is not DeploymentState.ROLLING_BACK:
        return stale("the deployment is not rolling back")
    step = known.step(result.component)
    if step.undo is not StepState.RUNNING:
        return already_done("this rollback's result is known")
    return _go_back(known.with_steps([_ended(step, result)]), means)


def earliest_deadline(deployment: Deployment) -> datetime | None:
    """When the first of the running steps is overdue."""
    return min((step.deadline for step in deployment.running if step.deadline), default=None)


def _destined(deployment: Deployment, step: Step, place: Place) -> Step:
    """Where a component of a deployment that was done has to go back to."""
    current = place.current
    if current is None or current.flow_id != deployment.flow_id:
        reason = "left alone: another flow has deployed it since"
        return step.now(undo=StepState.SKIPPED, target=current, reason=reason)
    # The flow itself may be what is good, when its abort crossed its promotion.
    target = place.good_without(deployment.flow_id)
    if current.same_as(target):
        reason = f"stays on {current.version}, which is good"
        return step.now(undo=StepState.SKIPPED, target=target, reason=reason)
    return step.now(undo=StepState.WAITING, target=target)


def _go_back(deployment: Deployment, means: Means) -> Change[Deployment]:
    says: list[EventData] = []
    while ready := [step for step in deployment.steps if _may_go(deployment, step)]:
        asked = [(step, means.of(step).roll_back(deployment, step)) for step in ready]
        deployment = deployment.with_steps(
            _sent(step, means) if request else _left(step) for step, request in asked
        )
        says += [request for _step, request in asked if request]
    if any(step.undo in UNDER_WAY for step in deployment.steps):
        deadline = earliest_deadline(deployment)
        going = deployment.becomes(DeploymentState.ROLLING_BACK, deadline=deadline)
        return Change(going, says)
    return _is_back(deployment)


def _may_go(deployment: Deployment, step: Step) -> bool:
    """A component goes once nothing that depends on it still has to."""
    return step.undo is StepState.WAITING and not any(
        step.name in other.component.depends_on and other.undo in UNDER_WAY
        for other in deployment.steps
    )


def _sent(step: Step, means: Means) -> Step:
    return step.now(undo=StepState.RUNNING, deadline=means.deadline(step))


def _left(step: Step) -> Step:
    reason = "not rolled back: it has no rollback command"
    return step.now(undo=StepState.SKIPPED, target=step.after, reason=reason)


def _ended(step: Step, result: StepResult) -> Step:
    if not result.succeeded:
        reason = f"not rolled back, what runs is unknown: {result.reason}"
        return step.now(undo=StepState.FAILED, target=None, deadline=None, reason=reason)
    was = step.after.version if step.after else "what had failed"
    back = f"rolled back from {was}" if step.target else f"took out {was}: nothing ran before"
    return step.now(undo=StepState.SUCCEEDED, deadline=None, reason=back)


def _is_back(deployment: Deployment) -> Change[Deployment]:
    stuck = [step.name for step in deployment.steps if step.undo is StepState.FAILED]
    state = DeploymentState.FAILED if stuck else DeploymentState.ROLLED_BACK
    event = RolledBack(
        deployment_id=deployment.id,
        environment=deployment.environment.name,
        role=deployment.role,
        outcomes=outcomes_of(
            step.describe(moved=step.undo is StepState.SUCCEEDED) for step in deployment.steps
        ),
        reason=_with_stuck(deployment.reason, stuck),
    )
    return Change(deployment.becomes(state), [event])


def _with_stuck(reason: str, stuck: list[str]) -> str:
    return f"{reason}; could not roll back {', '.join(stuck)}" if stuck else reason
