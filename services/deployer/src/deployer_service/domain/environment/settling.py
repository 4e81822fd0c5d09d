"""What a deployment's end, or its wish to roll back, means to its environment."""

from datetime import datetime

from deployer_service.domain.deployment.model import Deployment, DeploymentState
from deployer_service.domain.environment.line import claim_back, hold_on, release
from deployer_service.domain.environment.model import Claim, Environment
from penstock_shared.decisions import Decision, Write, already_done

SETTLED_KEPT = 100
"""How many deployments a `parallel` environment remembers as already accounted for."""
SETTLED = frozenset(
    {
        DeploymentState.DONE,
        DeploymentState.ROLLED_BACK,
        DeploymentState.SUPERSEDED,
        DeploymentState.STOPPED,
        DeploymentState.FAILED,
    }
)
"""States in which a deployment wants nothing of its environment."""


def settle(known: Environment | None, ended: Deployment, now: datetime) -> Decision[Environment]:
    """Write down what runs now, and give the environment to who is next. Has its effect once:
    only for the very hold under which the deployment ended.
    """
    environment = known or Environment(key=ended.environment_key)
    if not ended.exclusive:
        return _settle_shared(environment, ended)
    claim = _claim_of(environment, ended)
    if claim is None:
        return already_done("the environment has gone on")
    if claim.rollback and ended.state is DeploymentState.DONE:
        return already_done("the deployment was recalled meanwhile")
    if environment.held_by(ended.id) and environment.token == ended.token:
        environment = _account(environment, ended)
    return release(environment, ended.id, now)


def reclaim(
    known: Environment | None, recalled: Deployment, now: datetime
) -> Decision[Environment]:
    """The deployment, done before, wants its environment again to roll back."""
    environment = known or Environment(key=recalled.environment_key)
    if not recalled.exclusive:
        return _settle_shared(environment, recalled.becomes(DeploymentState.DONE))
    claim = recalled.claim(rollback=True)
    if not environment.held_by(recalled.id) or _claim_of(environment, recalled) == claim:
        return claim_back(environment, claim, now)
    # It was recalled before it could let go of the environment.
    if environment.token == recalled.token:
        environment = _take_in(environment, recalled)
    return Write(hold_on(environment, claim, now))


def prove(known: Environment | None, flow_id: str) -> Decision[Environment]:
    """The flow reached production: what it deployed here is good."""
    if known is None:
        return already_done("nothing was deployed here")
    places = {name: place.prove(flow_id) for name, place in known.components.items()}
    if places == known.components:
        return already_done("nothing here becomes good by that")
    return Write(known.with_places(places))


def _claim_of(environment: Environment, deployment: Deployment) -> Claim | None:
    claims = (environment.holder, *environment.waiting)
    return next((claim for claim in claims if claim and claim.deployment_id == deployment.id), None)


def _settle_shared(environment: Environment, ended: Deployment) -> Decision[Environment]:
    mark = f"{ended.id}:{ended.state}"
    if mark in environment.settled:
        return already_done("the environment knows of this end")
    accounted = _account(environment, ended)
    if accounted is environment:
        return already_done("nothing here changed")
    settled = (*environment.settled, mark)[-SETTLED_KEPT:]
    return Write(accounted.model_copy(update={"settled": settled, "mode": ended.environment.mode}))


def _account(environment: Environment, ended: Deployment) -> Environment:
    if ended.state is DeploymentState.DONE:
        return _take_in(environment, ended)
    if ended.state in {DeploymentState.ROLLED_BACK, DeploymentState.FAILED}:
        return _put_back(environment, ended)
    return environment


def _take_in(environment: Environment, done: Deployment) -> Environment:
    return environment.with_places(
        {
            step.name: environment.place(step.name).take(step.after, proven=done.lasting)
            for step in done.steps
            if step.after
        }
    )


def _put_back(environment: Environment, ended: Deployment) -> Environment:
    return environment.with_places(
        {
            step.name: environment.place(step.name).put_back(
                ended.flow_id, step.target, unknown=step.unknown
            )
            for step in ended.steps
            if step.undo is not None
        }
    )
