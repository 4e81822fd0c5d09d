"""Nothing waits forever: what becomes of a deployment whose deadline has passed."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial

from deployer_service.domain.deployment.deploying import arrived, fail
from deployer_service.domain.deployment.model import Deployment, DeploymentState
from deployer_service.domain.deployment.rolling_back import (
    RECALL_PATIENCE,
    came_back,
)
from deployer_service.domain.deployment.step import Step, StepResult, StepState
from deployer_service.domain.messages import Direction
from deployer_service.domain.ports import DecisionContext
from penstock_shared.contracts.events import FlowFailed
from penstock_shared.decisions import Decision, Write, already_done, in_turn

LINE_PATIENCE = timedelta(hours=1)
"""How long a deployment may wait for its environment: a promoted release is given up after two."""


def stand_in_line(deployment: Deployment, now: datetime) -> Write[Deployment]:
    """The environment is somebody else's; the deployment waits."""
    return Write(deployment.model_copy(update={"deadline": now + LINE_PATIENCE}))


def finish_steps(
    known: Deployment | None, results: Iterable[StepResult], context: DecisionContext
) -> Decision[Deployment]:
    """Steps ended, in whichever direction they went: all of them make one change."""
    return in_turn(known, [partial(_finish, result, context) for result in results])


def overdue(known: Deployment | None, context: DecisionContext) -> Decision[Deployment]:
    """The sweeper found the deployment waiting past its deadline."""
    if known is None or known.deadline is None or known.deadline > context.now:
        return already_done("nothing is overdue")
    if known.state is DeploymentState.WAITING:
        return _gave_up(known)
    if known.state is DeploymentState.RECALLED:
        # Whoever holds the environment has deadlines of its own, so its turn comes.
        return Write(known.model_copy(update={"deadline": context.now + RECALL_PATIENCE}))
    return _without_answer(known, context)


def _finish(
    result: StepResult, context: DecisionContext, known: Deployment | None
) -> Decision[Deployment]:
    take = arrived if result.direction is Direction.DEPLOY else came_back
    return take(known, result, context)


def _gave_up(deployment: Deployment) -> Write[Deployment]:
    reason = (
        f"waited for the environment {deployment.environment.name} since "
        f"{deployment.started_at:%Y-%m-%d %H:%M:%S} UTC, and gave up"
    )
    failed = FlowFailed(phase=deployment.phase, reason=reason)
    return Write(deployment.becomes(DeploymentState.FAILED, reason=reason), [failed])


def _without_answer(deployment: Deployment, context: DecisionContext) -> Decision[Deployment]:
    late = [step for step in deployment.running if step.deadline and step.deadline <= context.now]
    lingering = [step for step in late if context.of(step).lingers(step)]
    if lingering and deployment.state is DeploymentState.DEPLOYING:
        return _stop_lingering(deployment, lingering, context)
    return finish_steps(deployment, [_no_answer(step, context) for step in late], context)


def _stop_lingering(
    deployment: Deployment, lingering: Sequence[Step], context: DecisionContext
) -> Write[Deployment]:
    """Fail the flow, which cancels its jobs, but roll back only when they are over for sure: a
    command that still ran would write over the rollback.
    """
    ending = [step.now(deadline=context.now + context.of(step).lingers(step)) for step in lingering]
    first = lingering[0]
    reason = (
        f"{first.name} could not be deployed to {deployment.environment.name}: "
        f"{_no_answer(first, context).reason}"
    )
    return fail(deployment.with_steps(ending), reason, context)


def _no_answer(step: Step, context: DecisionContext) -> StepResult:
    direction = Direction.DEPLOY if step.state is StepState.RUNNING else Direction.ROLLBACK
    patience = context.of(step).patience(step)
    reason = f"the {step.driver} driver gave no answer to its {direction} within {patience}"
    return StepResult(component=step.name, direction=direction, succeeded=False, reason=reason)
