"""A release bakes in staging and is promoted. It can be stopped until production runs it.

An abort and a promotion are conditional writes of the same item, the release record. So one of them
comes first, and the other is refused.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from penstock_shared.contracts.commands import ReleaseCommand
from penstock_shared.contracts.events import (
    BakeStarted,
    DeployDone,
    FlowAborted,
    FlowFailed,
    FlowRef,
    FlowStopped,
    FlowSuperseded,
    Phase,
    ReleasePromoted,
)
from penstock_shared.contracts.plan import EnvironmentMode, PlannedRelease
from penstock_shared.decisions import Decision, Record, Write, already_done, stale

PRODUCTION_PATIENCE = timedelta(hours=2)
"""How long a promoted release may wait for production. The deployer's own deadline is earlier."""
CLOCK_TOLERANCE = timedelta(seconds=1)
"""A bake may end this much too early by our clock, because two clocks always differ."""


GATES_PATIENCE = timedelta(hours=24)
"""How long a release may wait for the gates in staging. Their own deadline is earlier."""


class ReleaseState(StrEnum):
    """Where a release stands."""

    VERIFYING = "verifying"
    """by the gates that follow its deployment to staging"""
    BAKING = "baking"
    PROMOTING = "promoting"
    RELEASED = "released"
    ABORTED = "aborted"
    STOPPED = "stopped"


class Release(Record):
    """The release of one flow. `flow` is None if it was stopped before it began to bake."""

    transitions: ClassVar[Mapping[ReleaseState, frozenset[ReleaseState]]] = {
        ReleaseState.VERIFYING: frozenset(
            {
                ReleaseState.BAKING,
                ReleaseState.PROMOTING,
                ReleaseState.ABORTED,
                ReleaseState.STOPPED,
            }
        ),
        ReleaseState.BAKING: frozenset(
            {ReleaseState.PROMOTING, ReleaseState.ABORTED, ReleaseState.STOPPED}
        ),
        ReleaseState.PROMOTING: frozenset(
            {ReleaseState.RELEASED, ReleaseState.ABORTED, ReleaseState.STOPPED}
        ),
    }

    flow_id: str
    state: ReleaseState
    version: str = ""
    bake: int = 0
    flow: FlowRef | None = None
    traceparent: str = ""
    reason: str = ""
    by: str = ""

    def finished(self, state: ReleaseState, reason: str = "", by: str = "") -> "Release":
        """The release in a final state."""
        return self.model_copy(
            update={"state": state, "reason": reason, "by": by, "deadline": None}
        )


def begin(
    flow_id: str, planned: PlannedRelease, done: DeployDone, traceparent: str, now: datetime
) -> Write[Release]:
    """Staging runs the release: wait for the gates there, or bake it, or promote it at once if it
    has neither, or if there is nothing to deploy.
    """
    begun = Release(
        flow_id=flow_id,
        state=ReleaseState.VERIFYING,
        version=planned.version,
        bake=planned.bake,
        flow=done.flow,
        traceparent=traceparent,
        deadline=now + GATES_PATIENCE,
    )
    if done.nothing_to_deploy:
        reason = "nothing to deploy: staging and production run all of it"
        return _promote(begun, now, reason=reason)
    return Write(begun) if planned.gates_in_staging else _bake(begun, now)


def verified(release: Release | None, now: datetime) -> Decision[Release]:
    """The gates in staging have passed: bake the release, or promote it if it has no bake."""
    if release is None:
        return stale("there is no such release")
    if release.state is not ReleaseState.VERIFYING:
        return already_done(f"the release is {release.state}")
    return _bake(release, now)


def _bake(release: Release, now: datetime) -> Write[Release]:
    if release.bake == 0:
        return _promote(release, now)
    deadline = now + timedelta(seconds=release.bake)
    baking = {"state": ReleaseState.BAKING, "deadline": deadline}
    started = BakeStarted(version=release.version, deadline=deadline)
    return Write(release.model_copy(update=baking), [started])


def bakes_alone(planned: PlannedRelease, done: DeployDone) -> bool:
    """Whether the release supersedes another one that waits in its staging environment."""
    mode = planned.staging.mode if planned.staging else EnvironmentMode.PARALLEL
    waits = (planned.bake > 0 or planned.gates_in_staging) and not done.nothing_to_deploy
    return waits and mode is EnvironmentMode.SUPERSEDE


def end_bake(release: Release | None, now: datetime) -> Decision[Release]:
    """The wait is over: promote the release, unless it was stopped or its deadline moved."""
    if release is None:
        return stale("there is no such release")
    if release.state is not ReleaseState.BAKING:
        return already_done(f"the release is {release.state}")
    if release.deadline and now < release.deadline - CLOCK_TOLERANCE:
        return stale(f"the bake lasts until {release.deadline:%H:%M:%S} UTC")
    return _promote(release, now)


def promote(release: Release | None, command: ReleaseCommand, now: datetime) -> Decision[Release]:
    """Somebody promotes the release before its bake is over."""
    if release is None:
        return stale("nothing bakes in this flow yet")
    if release.state is ReleaseState.VERIFYING:
        return stale("its gates in staging have not passed yet")
    if release.state is not ReleaseState.BAKING:
        return already_done(f"the release is {release.state}")
    return _promote(release, now, command.by)


def abort(release: Release | None, command: ReleaseCommand) -> Decision[Release]:
    """Somebody aborts the flow. A release that does not exist yet is marked, so that it stops."""
    aborted = FlowAborted(
        phase=_phase_of(release), reason=command.reason or "aborted", by=command.by
    )
    if release is None:
        mark = Release(flow_id=command.flow_id, state=ReleaseState.ABORTED)
        return Write(mark.finished(ReleaseState.ABORTED, aborted.reason, command.by), [aborted])
    if release.state not in Release.transitions:
        return already_done(f"too late: the release is {release.state}")
    return Write(release.finished(ReleaseState.ABORTED, aborted.reason, command.by), [aborted])


def stop(flow_id: str, release: Release | None, stopped: FlowStopped) -> Decision[Release]:
    """Another service stopped the flow."""
    if release is None:
        return Write(Release(flow_id=flow_id, state=ReleaseState.STOPPED, reason=stopped.reason))
    if release.state not in Release.transitions:
        return already_done(f"the release is {release.state}")
    return Write(release.finished(ReleaseState.STOPPED, stopped.reason))


def supersede(release: Release | None, newer: str) -> Decision[Release]:
    """A newer release has taken the seat in staging: end this one."""
    if release is None or release.state not in {ReleaseState.VERIFYING, ReleaseState.BAKING}:
        return already_done("it does not wait in staging")
    reason = f"flow {newer} reached staging while this release baked there"
    return Write(
        release.finished(ReleaseState.STOPPED, reason),
        [FlowSuperseded(phase=Phase.BAKE, reason=reason)],
    )


def never_baked(flow_id: str, newer: str) -> Write[Release]:
    """A newer release had taken the seat in staging before this one could bake: end this one."""
    reason = f"flow {newer} took its place in staging"
    return Write(
        Release(flow_id=flow_id, state=ReleaseState.STOPPED, reason=reason),
        [FlowSuperseded(phase=Phase.BAKE, reason=reason)],
    )


def production_done(flow_id: str, release: Release | None, done: DeployDone) -> Decision[Release]:
    """Production runs the release. A release without staging has no record until now."""
    if release is None:
        return Write(Release(flow_id=flow_id, state=ReleaseState.RELEASED, flow=done.flow))
    if release.state is not ReleaseState.PROMOTING:
        return already_done(f"the release is {release.state}")
    return Write(release.finished(ReleaseState.RELEASED))


def overdue(release: Release | None, now: datetime) -> Decision[Release]:
    """The release has waited for too long: its bake was not ended, or production did not
    answer.
    """
    if release is None or release.deadline is None or release.deadline > now:
        return already_done("not overdue")
    if release.state is ReleaseState.BAKING:
        return end_bake(release, now)
    if release.state is ReleaseState.VERIFYING:
        return _fail(release, Phase.STAGING, f"no verdict of its gates within {GATES_PATIENCE}")
    reason = f"production did not answer within {PRODUCTION_PATIENCE}"
    return _fail(release, Phase.PRODUCTION, reason)


def _fail(release: Release, phase: Phase, reason: str) -> Write[Release]:
    failed = FlowFailed(phase=phase, reason=reason)
    return Write(release.finished(ReleaseState.STOPPED, reason), [failed])


def _promote(release: Release, now: datetime, by: str = "", reason: str = "") -> Write[Release]:
    if release.flow is None:
        raise ValueError(f"release {release.flow_id} has no flow")
    promoting = release.model_copy(
        update={"state": ReleaseState.PROMOTING, "by": by, "deadline": now + PRODUCTION_PATIENCE}
    )
    promoted = ReleasePromoted(flow=release.flow, version=release.version, by=by, reason=reason)
    return Write(promoting, [promoted])


def _phase_of(release: Release | None) -> Phase | None:
    if release is None:
        return None
    return _PHASES.get(release.state, Phase.PRODUCTION)


_PHASES = {ReleaseState.VERIFYING: Phase.STAGING, ReleaseState.BAKING: Phase.BAKE}
