"""How a deployment gets in: begin, one component after what it depends on, done or failed."""

from deployer_service.domain.deployment import (
    ARRIVED,
    Deployment,
    DeploymentState,
    Step,
    StepResult,
    StepState,
)
from deployer_service.domain.environment import Deployed, Environment, Place
from deployer_service.domain.ports import Means
from deployer_service.domain.rolling_back import earliest_deadline, wind_down
from penstock_shared.contracts.events import (
    DeployDone,
    FlowFailed,
    FlowSuperseded,
    outcomes_of,
)
from penstock_shared.contracts.jobs import JobResult
from penstock_shared.decisions import Change, Decision, already_done, stale


def begin(deployment: Deployment, environment: Environment, means: Means) -> Change[Deployment]:
    """The deployment has its environment: start what depends on nothing that is still to come.

    What the environment runs already is not deployed again.
    """
    steps = tuple(_met(deployment, step, environment.place(step.name)) for step in deployment.steps)
    begun = deployment.becomes(DeploymentState.DEPLOYING, steps=steps, token=environment.token)
    return _go_on(begun, means)


def supersede(deployment: Deployment, by: str) -> Change[Deployment]:
    """A newer flow took the environment, or the place in the line for it."""
    reason = f"flow {by} is newer, and {deployment.environment.name} takes the newest only"
    superseded = deployment.becomes(DeploymentState.SUPERSEDED, reason=reason)
    return Change(superseded, [FlowSuperseded(stage=deployment.stage, reason=reason)])


def arrived(known: Deployment | None, result: StepResult, means: Means) -> Decision[Deployment]:
    """A component was deployed, or could not be."""
    if known is None or known.state not in {DeploymentState.DEPLOYING, DeploymentState.STOPPING}:
        return stale("the deployment is not deploying")
    step = known.step(result.component)
    if step.state is not StepState.RUNNING:
        return already_done("this component's result is known")
    deployment = known.with_steps([_ended(known, step, result)])
    if deployment.state is DeploymentState.STOPPING:
        return wind_down(deployment, means)
    if not result.succeeded:
        reason = f"{step.name} could not be deployed to {known.environment.name}: {result.reason}"
        return fail(deployment, reason, means, result.job)
    return _go_on(deployment, means)


def fail(
    deployment: Deployment, reason: str, means: Means, job: JobResult | None = None
) -> Change[Deployment]:
    """Nothing new starts; what runs finishes; then all that was changed goes back."""
    failed = FlowFailed(stage=deployment.stage, reason=reason, job=job)
    stopping = deployment.becomes(DeploymentState.STOPPING, reason=reason)
    change = wind_down(stopping, means)
    return Change(change.record, [failed, *change.says])


def _met(deployment: Deployment, step: Step, place: Place) -> Step:
    current = place.current
    met = step.now(before=current)
    if current is None or current.key != step.component.key:
        return met
    return met.now(
        state=StepState.SKIPPED,
        after=current.model_copy(update={"flow_id": deployment.flow_id}),
        reason=f"{deployment.environment.name} already runs {current.version}",
    )


def _go_on(deployment: Deployment, means: Means) -> Change[Deployment]:
    ready = [step for step in deployment.steps if _may_start(deployment, step)]
    started = [step.now(state=StepState.RUNNING, deadline=means.deadline(step)) for step in ready]
    going = deployment.with_steps(started)
    if going.running:
        says = [means.of(step).deploy(going, step) for step in started]
        return Change(going.model_copy(update={"deadline": earliest_deadline(going)}), says)
    if all(step.state in ARRIVED for step in going.steps):
        return _done(going)
    stuck = ", ".join(step.name for step in going.steps if step.state is StepState.WAITING)
    return fail(going, f"{stuck} wait for each other", means)


def _may_start(deployment: Deployment, step: Step) -> bool:
    return step.state is StepState.WAITING and all(
        deployment.step(name).state in ARRIVED for name in step.component.depends_on
    )


def _ended(deployment: Deployment, step: Step, result: StepResult) -> Step:
    if not result.succeeded:
        return step.now(state=StepState.FAILED, deadline=None, reason=result.reason)
    after = Deployed(
        key=step.component.key,
        version=deployment.version,
        flow_id=deployment.flow_id,
        revision=result.revision,
        outputs=result.outputs,
        artifact=step.component.artifact,
    )
    reason = f"in place of {step.before.version}" if step.before else "for the first time"
    return step.now(state=StepState.SUCCEEDED, after=after, deadline=None, reason=reason)


def _done(deployment: Deployment) -> Change[Deployment]:
    event = DeployDone(
        flow=deployment.flow,
        deployment_id=deployment.id,
        environment=deployment.environment.name,
        role=deployment.role,
        token=deployment.token,
        started_at=deployment.started_at,
        outcomes=outcomes_of(
            step.describe(moved=step.state is StepState.SUCCEEDED) for step in deployment.steps
        ),
    )
    return Change(deployment.becomes(DeploymentState.DONE), [event])
