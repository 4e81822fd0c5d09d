"""What the deployer knows of a flow: where it goes, and whether it was stopped."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from penstock_shared.contracts.events import EnvironmentRole, FlowFailed, FlowRef, Phase
from penstock_shared.contracts.model import Contract
from penstock_shared.contracts.plan import Plan, PlannedEnvironment
from penstock_shared.decisions import Decision, Record, Refusal, Result, Write, already_done


class FlowPermit(StrEnum):
    """Whether a flow may still deploy."""

    OPEN = "open"
    STOPPING = "stopping"
    """its deployments are being stopped"""
    STOPPED = "stopped"


STOP_PATIENCE = timedelta(minutes=5)
"""How long whoever stops a flow may take before the sweeper goes over its deployments again."""


class Destination(Contract):
    """One environment that a flow is on its way to."""

    environment: PlannedEnvironment
    role: EnvironmentRole


class Flow(Record):
    """All destinations of a flow, written before anything is deployed to the first of them.

    Whoever stops the flow therefore finds every deployment that exists or may still come to
    exist. A flow that was stopped before it got here has no destinations, and gets none.
    """

    transitions: ClassVar[Mapping[FlowPermit, frozenset[FlowPermit]]] = {
        FlowPermit.OPEN: frozenset({FlowPermit.STOPPING}),
        FlowPermit.STOPPING: frozenset({FlowPermit.STOPPED}),
    }

    state: FlowPermit
    flow_id: str
    flow: FlowRef | None = None
    destinations: tuple[Destination, ...] = ()
    reason: str = ""


def flow_key(flow_id: str) -> str:
    """The key of a flow's record."""
    return f"flow#{flow_id}"


def destinations_of(plan: Plan) -> tuple[Destination, ...]:
    """Where the plan's release goes, in order; nowhere when it is no release."""
    release = plan.release
    if release is None:
        return ()
    staging = (
        [Destination(environment=release.staging, role=EnvironmentRole.STAGING)]
        if release.staging
        else []
    )
    return (*staging, Destination(environment=release.production, role=EnvironmentRole.PRODUCTION))


def set_out(
    known: Flow | None, flow_id: str, flow: FlowRef, destinations: tuple[Destination, ...]
) -> Decision[Flow]:
    """The flow is about to deploy. Refused as stale when it was stopped."""
    if known is None:
        record = Flow(state=FlowPermit.OPEN, flow_id=flow_id, flow=flow, destinations=destinations)
        return Write(record)
    if known.state is not FlowPermit.OPEN:
        return Refusal(Result.STALE, f"the flow was stopped: {known.reason}")
    return already_done("the flow's destinations are known")


def stop(known: Flow | None, flow_id: str, reason: str, now: datetime) -> Decision[Flow]:
    """The flow was stopped. One that has not come here yet is marked, so that it never deploys."""
    if known is None:
        return Write(Flow(state=FlowPermit.STOPPED, flow_id=flow_id, reason=reason))
    if known.state is not FlowPermit.OPEN:
        return already_done("the flow was stopped before")
    stopping = {"state": FlowPermit.STOPPING, "reason": reason, "deadline": now + STOP_PATIENCE}
    return Write(known.model_copy(update=stopping))


def stopped(known: Flow | None) -> Decision[Flow]:
    """Each of the flow's deployments has been stopped, or goes back by itself."""
    if known is None or known.state is not FlowPermit.STOPPING:
        return already_done("the flow is not being stopped")
    return Write(known.model_copy(update={"state": FlowPermit.STOPPED, "deadline": None}))


def refuse_plan(
    known: Flow | None, flow_id: str, phase: Phase, reason: str, now: datetime
) -> Decision[Flow]:
    """The flow's plan cannot be used: it fails here, before anything is deployed."""
    decision = stop(known, flow_id, reason, now)
    if isinstance(decision, Refusal):
        return decision
    return Write(decision.record, [FlowFailed(phase=phase, reason=reason)])
