"""New deployments: from a plan, or in the place of one that must never begin."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime

from deployer_service.domain.deployment.model import Deployment, DeploymentState
from deployer_service.domain.deployment.step import Step
from deployer_service.domain.flow import Destination
from penstock_shared.contracts.events import FlowRef
from penstock_shared.contracts.plan import Plan, PlannedComponent
from penstock_shared.decisions import Cause
from penstock_shared.jobs import checkout_of


def new_deployment(
    flow_id: str, flow: FlowRef, plan: Plan, destination: Destination, cause: Cause, now: datetime
) -> Deployment:
    """The deployment that a plan asks for, before it has its environment."""
    known = {planned.name: planned for planned in plan.components}
    return Deployment(
        state=DeploymentState.WAITING,
        flow_id=flow_id,
        flow=flow,
        environment=destination.environment,
        role=destination.role,
        started_at=now,
        traceparent=cause.traceparent,
        hop=cause.hop,
        release=plan.release,
        source=checkout_of(plan),
        steps=tuple(
            Step(component=_deployable(known, component))
            for component in plan.components
            if component.deploy
        ),
    )


def tombstone(flow: FlowRef, destination: Destination, reason: str, cause: Cause) -> Deployment:
    """Takes the place of a deployment that must never begin."""
    return Deployment(
        state=DeploymentState.STOPPED,
        flow_id=cause.flow_id,
        flow=flow,
        environment=destination.environment,
        role=destination.role,
        started_at=flow.started_at,
        traceparent=cause.traceparent,
        hop=cause.hop,
        reason=reason,
    )


def _deployable(
    known: Mapping[str, PlannedComponent], component: PlannedComponent
) -> PlannedComponent:
    """The component as far as the deployer cares: it waits for what is deployed, and through
    what is not for what that depends on.
    """
    found: dict[str, None] = {}
    seen: set[str] = set()
    ahead = deque(component.depends_on)
    while ahead:
        name = ahead.popleft()
        dependency = known.get(name)
        if dependency is None or name in seen:
            continue
        seen.add(name)
        if dependency.deploy:
            found[name] = None
        else:
            ahead.extend(dependency.depends_on)
    return component.model_copy(update={"depends_on": tuple(found), "build": None})
