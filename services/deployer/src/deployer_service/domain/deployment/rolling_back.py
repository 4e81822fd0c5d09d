"""How a deployment gets out again: stop, wind down, take back, in reverse order."""

from collections import Counter, deque
from datetime import datetime, timedelta

from deployer_service.domain.deployment.model import Deployment, DeploymentState
from deployer_service.domain.deployment.step import (
    TOUCHED,
    UNDER_WAY,
    Step,
    StepResult,
    StepState,
)
from deployer_service.domain.environment.history import Place
from deployer_service.domain.environment.model import Environment
from deployer_service.domain.ports import DecisionContext, NoWayBack
from penstock_shared.contracts.event import EventData
from penstock_shared.contracts.events import RolledBack, outcomes_of
from penstock_shared.decisions import Decision, Write, already_done, stale

RECALL_PATIENCE = timedelta(hours=1)
"""How often the sweeper looks at a rollback that waits for its environment."""


def stop(
    known: Deployment | None, marker: Deployment, context: DecisionContext
) -> Decision[Deployment]:
    """The flow was stopped, for the reason that `marker` gives.

    The marker takes the place of a deployment that does not exist yet, so that it never begins.
    """
    if known is None:
        return Write(marker)
    if known.state is DeploymentState.WAITING:
        return Write(known.becomes(DeploymentState.STOPPED, reason=marker.reason))
    if known.state is DeploymentState.DEPLOYING:
        return wind_down(known.becomes(DeploymentState.STOPPING, reason=marker.reason), context)
    if known.state is DeploymentState.DONE:
        return Write(recall(known, marker.reason, context.now))
    return already_done(f"the deployment is {known.state}")


def recall(deployment: Deployment, reason: str, now: datetime) -> Deployment:
    """The deployment that was done and has to go again, once it has its environment."""
    deadline = now + RECALL_PATIENCE
    return deployment.becomes(DeploymentState.RECALLED, reason=reason, deadline=deadline)


def wind_down(deployment: Deployment, context: DecisionContext) -> Write[Deployment]:
    """Wait for what runs; when nothing does, go back to what ran before this deployment.

    Not to the last good version: what this deployment left alone was not judged, and must go on
    beside what it fits.
    """
    if deployment.running:
        return Write(deployment.model_copy(update={"deadline": earliest_deadline(deployment)}))
    touched = [
        step.now(undo=StepState.WAITING, target=step.before)
        for step in deployment.steps
        if step.state in TOUCHED
    ]
    return _go_back(deployment.with_steps(touched), context)


def begin_back(
    known: Deployment | None, environment: Environment, context: DecisionContext
) -> Decision[Deployment]:
    """The recalled deployment has its environment: take back what is still its own."""
    if known is None or known.state is not DeploymentState.RECALLED:
        return already_done("the deployment was not recalled, or is no longer")
    steps = [_destined(known, step, environment.place(step.name)) for step in known.steps]
    held = known.with_steps(steps).model_copy(update={"token": environment.token})
    return _go_back(held, context)


def came_back(
    known: Deployment | None, result: StepResult, context: DecisionContext
) -> Decision[Deployment]:
    """A component was taken back, or could not be."""
    if known is None or known.state is not DeploymentState.ROLLING_BACK:
        return stale("the deployment is not rolling back")
    step = known.step(result.component)
    if step.undo is not StepState.RUNNING:
        return already_done("this rollback's result is known")
    return _go_back(known.with_steps([_ended(step, result, context)]), context)


def earliest_deadline(deployment: Deployment) -> datetime | None:
    """When the first of the running steps is overdue."""
    return min((step.deadline for step in deployment.running if step.deadline), default=None)


def _destined(deployment: Deployment, step: Step, place: Place) -> Step:
    """Where a component of a deployment that was done has to go back to."""
    current = place.current
    if current is None or current.flow_id != deployment.flow_id:
        reason = "left alone: another flow has deployed it since"
        return step.now(
            undo=StepState.SKIPPED, target=current, unknown=place.unknown, reason=reason
        )
    # The flow itself may be what is good, when its abort crossed its promotion.
    target = place.good_without(deployment.flow_id)
    if current.same_as(target):
        reason = f"stays on {current.version}, which is good"
        return step.now(undo=StepState.SKIPPED, target=target, reason=reason)
    return step.now(undo=StepState.WAITING, target=target)


def _go_back(deployment: Deployment, context: DecisionContext) -> Write[Deployment]:
    """Send back every component on which nothing depends that still has to go."""
    dependents = _dependents_under_way(deployment)
    free = deque(step for step in deployment.steps if not dependents[step.name])
    says: list[EventData] = []
    moved: list[Step] = []
    while free:
        step = free.popleft()
        if step.undo is not StepState.WAITING:
            continue
        request = context.of(step).roll_back(deployment, step)
        if not isinstance(request, NoWayBack):
            says.append(request)
            moved.append(step.now(undo=StepState.RUNNING, deadline=context.deadline(step)))
            continue
        moved.append(_left(step, request))
        dependents.subtract(step.component.depends_on)
        free += [deployment.step(n) for n in step.component.depends_on if not dependents[n]]
    return _wait_or_end(deployment.with_steps(moved), says)


def _dependents_under_way(deployment: Deployment) -> Counter[str]:
    """For each component, how many that depend on it still have to go back."""
    return Counter(
        name
        for step in deployment.steps
        if step.undo in UNDER_WAY
        for name in step.component.depends_on
    )


def _wait_or_end(deployment: Deployment, says: list[EventData]) -> Write[Deployment]:
    if any(step.undo in UNDER_WAY for step in deployment.steps):
        deadline = earliest_deadline(deployment)
        return Write(deployment.becomes(DeploymentState.ROLLING_BACK, deadline=deadline), says)
    return _is_back(deployment)


def _left(step: Step, why: NoWayBack) -> Step:
    reason = f"not rolled back: {why.reason}"
    return step.now(undo=StepState.SKIPPED, target=step.after, verified=False, reason=reason)


def _ended(step: Step, result: StepResult, context: DecisionContext) -> Step:
    if not result.succeeded:
        reason = f"not rolled back, what runs is unknown: {result.reason}"
        return step.now(
            undo=StepState.FAILED, unknown=True, verified=False, deadline=None, reason=reason
        )
    verified = context.of(step).verifies
    return step.now(
        undo=StepState.SUCCEEDED,
        unknown=False,
        verified=verified,
        deadline=None,
        reason=_how_it_went_back(step, verified=verified),
    )


def _how_it_went_back(step: Step, *, verified: bool) -> str:
    was = step.after.version if step.after else "what had failed"
    if step.target is None:
        how = "took out" if verified else "ran its rollback command to take out"
        return f"{how} {was}: nothing ran before"
    if verified:
        how = f"rolled back from {was}, verified to serve {step.target.version}"
    else:
        how = f"ran the rollback command of {step.target.version} in place of {was}"
    other = step.component.deploy.driver if step.component.deploy else ""
    return how if other == step.driver else f"{how}; what {other} deployed was not taken out"


def _is_back(deployment: Deployment) -> Write[Deployment]:
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
    return Write(deployment.becomes(state), [event])


def _with_stuck(reason: str, stuck: list[str]) -> str:
    return f"{reason}; could not roll back {', '.join(stuck)}" if stuck else reason
