"""Builds the service from its settings: the only module that makes clients."""

from functools import cache

from penstock_shared import aws
from penstock_shared.clock import utc_now
from penstock_shared.contracts.events import Phase
from penstock_shared.persistence.outbox import Records
from penstock_shared.persistence.sweep import Sweep
from penstock_shared.service import Service
from release_service.adapters.step_functions import StepFunctionsBakes
from release_service.domain.release import Release, overdue
from release_service.domain.seat import Seat
from release_service.settings import ReleaseSettings
from release_service.use_cases.begin_bake import BeginBake
from release_service.use_cases.end_bake import EndBake
from release_service.use_cases.follow_deployment import FinishRelease, FollowDeployment
from release_service.use_cases.follow_gates import FollowGates
from release_service.use_cases.judge_command import JudgeCommand
from release_service.use_cases.stop_release import StopRelease
from release_service.use_cases.sweep_releases import SweepReleases

SERVICE = Service("release", ReleaseSettings, Phase.BAKE)


@cache
def releases() -> Records[Release]:
    """The releases in their table, with their outbox."""
    return SERVICE.records(Release)


@cache
def follow_deployment() -> FollowDeployment:
    """The use case behind `deploy-done`."""
    return FollowDeployment(_begin_bake, FinishRelease(releases()))


@cache
def follow_gates() -> FollowGates:
    """The use case behind `environment-passed`."""
    return FollowGates(releases(), _bakes(), utc_now)


@cache
def end_bake() -> EndBake:
    """The use case behind the end of a bake."""
    return EndBake(releases(), utc_now)


@cache
def stop_release() -> StopRelease:
    """The use case behind `flow-stopped`."""
    return StopRelease(releases())


@cache
def judge_command() -> JudgeCommand:
    """The use case behind `abort-release` and `promote-release`."""
    return JudgeCommand(releases(), utc_now)


@cache
def sweep_releases() -> SweepReleases:
    """The use case behind the schedule."""
    sweep = Sweep(releases(), SERVICE.telemetry, overdue, lambda _key, release: release.flow_id)
    return SweepReleases(sweep, _bakes())


@cache
def _begin_bake() -> BeginBake:
    return BeginBake(releases(), SERVICE.records(Seat), _bakes(), utc_now)


@cache
def _bakes() -> StepFunctionsBakes:
    return StepFunctionsBakes(aws.client("stepfunctions"), SERVICE.settings.bake_state_machine_arn)
