"""Builds the service from its settings: the only module that makes clients."""

from functools import cache
from typing import TypeVar

from penstock_shared import aws
from penstock_shared.clock import utc_now
from penstock_shared.contracts.events import Stage
from penstock_shared.decisions import Record
from penstock_shared.messaging.giving_up import FailFlow
from penstock_shared.messaging.publisher import AwsPublisher
from penstock_shared.observability import Telemetry
from penstock_shared.persistence.dynamodb import DynamoRecordStore
from penstock_shared.persistence.outbox import Records
from penstock_shared.persistence.sweep import Sweep
from penstock_shared.storage import ObjectStore
from release_service.adapters.step_functions import StepFunctionsBakes
from release_service.domain.release import Release, overdue
from release_service.domain.seat import Seat
from release_service.settings import settings
from release_service.use_cases.begin_bake import BeginBake
from release_service.use_cases.end_bake import EndBake
from release_service.use_cases.finish_release import FinishRelease
from release_service.use_cases.obey import Obey
from release_service.use_cases.sweep_releases import SweepReleases

SERVICE = "release"
R = TypeVar("R", bound=Record)


@cache
def telemetry() -> Telemetry:
    """The service's logs, metrics and traces."""
    return Telemetry(SERVICE)


@cache
def publisher() -> AwsPublisher:
    """Says events on topics and queues."""
    told = settings()
    return AwsPublisher(
        aws.client("sns"), aws.client("sqs"), told.topic_arn_prefix, told.queue_url_prefix
    )


@cache
def fail_flow() -> FailFlow:
    """What becomes of the flow of a message that cannot be handled."""
    return FailFlow(publisher(), SERVICE, Stage.BAKE)


@cache
def releases() -> Records[Release]:
    """The releases in their table, with their outbox."""
    return _records(Release)


@cache
def begin_bake() -> BeginBake:
    """The use case behind staging's `deploy-done`."""
    return BeginBake(releases(), _records(Seat), _objects(), _bakes(), utc_now)


@cache
def end_bake() -> EndBake:
    """The use case behind the end of a bake."""
    return EndBake(releases(), utc_now)


@cache
def finish_release() -> FinishRelease:
    """The use cases behind production's `deploy-done` and `flow-stopped`."""
    return FinishRelease(releases())


@cache
def obey() -> Obey:
    """The use case behind `abort-release` and `promote-release`."""
    return Obey(releases(), utc_now)


@cache
def sweep_releases() -> SweepReleases:
    """The use case behind the schedule."""
    sweep = Sweep(releases(), telemetry(), overdue, lambda _key, release: release.flow_id)
    return SweepReleases(sweep, _bakes())


@cache
def _bakes() -> StepFunctionsBakes:
    return StepFunctionsBakes(aws.client("stepfunctions"), settings().bake_state_machine_arn)


@cache
def _objects() -> ObjectStore:
    return ObjectStore(aws.client("s3"), settings().artifact_bucket)


def _records(record_type: type[R]) -> Records[R]:
    return Records(
        store=DynamoRecordStore(
            aws.client("dynamodb"), settings().table_name, record_type, objects=_objects()
        ),
        publisher=publisher(),
        source=f"penstock/{SERVICE}",
    )
