"""Nothing waits forever: what becomes of a deployment whose deadline has passed."""

from datetime import datetime, timedelta

from deployer_service.domain.deploying import arrived
from deployer_service.domain.deployment import (
    Deployment,
    DeploymentState,
    Step,
    StepResult,
    StepState,
)
from deployer_service.domain.messages import Direction
from deployer_service.domain.ports import Means
from deployer_service.domain.rolling_back import RECALL_PATIENCE, came_back
from penstock_shared.contracts.event import EventData
from penstock_shared.contracts.events import FlowFailed
from penstock_shared.decisions import Change, Decision, already_done

LINE_PATIENCE = timedelta(hours=1)
"""How long a deployment may wait for its environment: a promoted release is given up after two."""


def stand_in_line(deployment: Deployment, now: datetime) -> Change[Deployment]:
    """The environment is somebody else's; the deployment waits."""
    return Change(deployment.model_copy(update={"deadline": now + LINE_PATIENCE}))


def finish_step(known: Deployment | None, result: StepResult, means: Means) -> Decision[Deployment]:
    """A step ended, in whichever direction it went."""
    take = arrived if result.direction is Direction.DEPLOY else came_back
    return take(known, result, means)


def overdue(known: Deployment | None, means: Means) -> Decision[Deployment]:
    """The sweeper found the deployment waiting past its deadline."""
    if known is None or known.deadline is None or known.deadline > means.now:
        return already_done("nothing is overdue")
    if known.state is DeploymentState.WAITING:
        return _gave_up(known)
    if known.state is DeploymentState.RECALLED:
        # Whoever holds the environment has deadlines of its own, so its turn comes.
        return Change(known.model_copy(update={"deadline": means.now + RECALL_PATIENCE}))
    return _without_answer(known, means)


def _gave_up(deployment: Deployment) -> Change[Deployment]:
    reason = (
        f"waited for the environment {deployment.environment.name} since "
        f"{deployment.started_at:%Y-%m-%d %H:%M:%S} UTC, and gave up"
    )
    failed = FlowFailed(stage=deployment.stage, reason=reason)
    return Change(deployment.becomes(DeploymentState.FAILED, reason=reason), [failed])


def _without_answer(deployment: Deployment, means: Means) -> Decision[Deployment]:
    says: list[EventData] = []
    late = [step for step in deployment.running if step.deadline and step.deadline <= means.now]
    for step in late:
        decision = finish_step(deployment, _no_answer(step, means), means)
        if isinstance(decision, Change):
            deployment = decision.record
            says += decision.says
    return Change(deployment, says)


def _no_answer(step: Step, means: Means) -> StepResult:
    direction = Direction.DEPLOY if step.state is StepState.RUNNING else Direction.ROLLBACK
    patience = means.of(step).patience(step)
    reason = f"the {step.driver} driver gave no answer to its {direction} within {patience}"
    return StepResult(component=step.name, direction=direction, succeeded=False, reason=reason)
