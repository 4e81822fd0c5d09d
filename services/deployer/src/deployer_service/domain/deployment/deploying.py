"""How a deployment gets in: begin, one component after what it depends on, done or failed."""

from deployer_service.domain.deployment.model import Deployment, DeploymentState
from deployer_service.domain.deployment.rolling_back import earliest_deadline, wind_down
from deployer_service.domain.deployment.step import ARRIVED, Step, StepResult, StepState
from deployer_service.domain.environment.history import Place
from deployer_service.domain.environment.model import Environment
from deployer_service.domain.ports import DecisionContext
from penstock_shared.contracts.events import DeployDone, FlowFailed, FlowSuperseded, outcomes_of
from penstock_shared.contracts.jobs import JobResult
from penstock_shared.decisions import Decision, Write, already_done, stale


def begin(
    deployment: Deployment,
    environment: Environment,
    context: DecisionContext,
    production: Environment | None = None,
) -> Write[Deployment]:
    """The deployment has its environment: start what depends on nothing that is still to come.

    What the environment runs already is not deployed again. `production` is where the release of
    a staging deployment goes next, needed only if `changes_nothing`.
    """
    steps = tuple(_met(deployment, step, environment.place(step.name)) for step in deployment.steps)
    begun = deployment.becomes(DeploymentState.DEPLOYING, steps=steps, token=environment.token)
    if _all_arrived(begun):
        return _done(begun, settled=production is not None and changes_nothing(begun, production))
    return _go_on(begun, context)


def changes_nothing(deployment: Deployment, environment: Environment) -> bool:
    """Whether the environment runs everything that the deployment would bring it."""
    return all(_runs(environment.place(step.name), step) for step in deployment.steps)


def supersede(deployment: Deployment, by: str) -> Write[Deployment]:
    """A newer flow took the environment, or the place in the line for it."""
    reason = f"flow {by} is newer, and {deployment.environment.name} takes the newest only"
    superseded = deployment.becomes(DeploymentState.SUPERSEDED, reason=reason)
    return Write(superseded, [FlowSuperseded(phase=deployment.phase, reason=reason)])


def arrived(
    known: Deployment | None, result: StepResult, context: DecisionContext
) -> Decision[Deployment]:
    """A component was deployed, or could not be."""
    if known is None or known.state not in {DeploymentState.DEPLOYING, DeploymentState.STOPPING}:
        return stale("the deployment is not deploying")
    step = known.step(result.component)
    if step.state is not StepState.RUNNING:
        return already_done("this component's result is known")
    deployment = known.with_steps([_ended(known, step, result, context)])
    if deployment.state is DeploymentState.STOPPING:
        return wind_down(deployment, context)
    if not result.succeeded:
        reason = f"{step.name} could not be deployed to {known.environment.name}: {result.reason}"
        return fail(deployment, reason, context, result.job)
    return _go_on(deployment, context)


def fail(
    deployment: Deployment, reason: str, context: DecisionContext, job: JobResult | None = None
) -> Write[Deployment]:
    """Nothing new starts; what runs finishes; then all that was changed goes back."""
    failed = FlowFailed(phase=deployment.phase, reason=reason, job=job)
    stopping = deployment.becomes(DeploymentState.STOPPING, reason=reason)
    change = wind_down(stopping, context)
    return Write(change.record, [failed, *change.says])


def _met(deployment: Deployment, step: Step, place: Place) -> Step:
    # Where nobody knows what runs, the last good version is what a rollback can hope for.
    before = place.good_without(deployment.flow_id) if place.unknown else place.current
    met = step.now(before=before, unknown=place.unknown)
    if before is None or not _runs(place, step):
        return met
    return met.now(
        state=StepState.SKIPPED,
        after=before.model_copy(update={"flow_id": deployment.flow_id}),
        reason=f"{deployment.environment.name} already runs {before.version}",
    )


def _runs(place: Place, step: Step) -> bool:
    return place.current is not None and place.current.key == step.component.key


def _go_on(deployment: Deployment, context: DecisionContext) -> Write[Deployment]:
    arrived_names = {step.name for step in deployment.steps if step.state in ARRIVED}
    ready = [
        step
        for step in deployment.steps
        if step.state is StepState.WAITING and arrived_names.issuperset(step.component.depends_on)
    ]
    started = [step.now(state=StepState.RUNNING, deadline=context.deadline(step)) for step in ready]
    going = deployment.with_steps(started)
    if going.running:
        says = [context.of(step).deploy(going, step) for step in started]
        return Write(going.model_copy(update={"deadline": earliest_deadline(going)}), says)
    if _all_arrived(going):
        return _done(going)
    stuck = ", ".join(step.name for step in going.steps if step.state is StepState.WAITING)
    return fail(going, f"{stuck} wait for each other", context)


def _all_arrived(deployment: Deployment) -> bool:
    return all(step.state in ARRIVED for step in deployment.steps)


def _ended(
    deployment: Deployment, step: Step, result: StepResult, context: DecisionContext
) -> Step:
    if not result.succeeded:
        return step.now(state=StepState.FAILED, unknown=True, deadline=None, reason=result.reason)
    return step.now(
        state=StepState.SUCCEEDED,
        after=deployment.deployed(step, result.revision, result.outputs),
        unknown=False,
        verified=context.of(step).verifies,
        deadline=None,
        reason=_in_place_of(step),
    )


def _in_place_of(step: Step) -> str:
    if step.unknown:
        return "in place of a version that was not known"
    return f"in place of {step.before.version}" if step.before else "for the first time"


def _done(deployment: Deployment, *, settled: bool = False) -> Write[Deployment]:
    event = DeployDone(
        flow=deployment.flow,
        deployment_id=deployment.id,
        environment=deployment.environment.name,
        role=deployment.role,
        token=deployment.token,
        started_at=deployment.started_at,
        release=deployment.release,
        nothing_to_deploy=settled,
        outcomes=outcomes_of(
            step.describe(moved=step.state is StepState.SUCCEEDED) for step in deployment.steps
        ),
    )
    return Write(deployment.becomes(DeploymentState.DONE), [event])
