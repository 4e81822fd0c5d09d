"""Builds the service from its settings: the only module that makes clients."""

from functools import cache

from penstock_shared import aws
from penstock_shared.clock import utc_now
from penstock_shared.contracts.events import Stage
from penstock_shared.messaging.giving_up import FailFlow
from penstock_shared.messaging.publisher import AwsPublisher
from penstock_shared.observability import Telemetry
from penstock_shared.persistence.dynamodb import DynamoRecordStore
from penstock_shared.persistence.memo import DynamoMemo
from penstock_shared.persistence.outbox import Records
from penstock_shared.storage import ObjectStore
from test_runner_service.domain.run import TestRun
from test_runner_service.settings import settings
from test_runner_service.use_cases.record_job import RecordJob
from test_runner_service.use_cases.start_run import StartRun
from test_runner_service.use_cases.stop_run import StopRun

SERVICE = "test-runner"


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
    return FailFlow(publisher(), SERVICE, Stage.TEST)


@cache
def records() -> Records[TestRun]:
    """The test-runs table, with its outbox."""
    return Records(
        store=DynamoRecordStore(
            aws.client("dynamodb"), settings().table_name, TestRun, objects=_objects()
        ),
        publisher=publisher(),
        source=f"penstock/{SERVICE}",
    )


@cache
def start_run() -> StartRun:
    """The use case behind `build-completed`."""
    return StartRun(records(), _objects(), _verdicts(), utc_now)


@cache
def record_job() -> RecordJob:
    """The use case behind `job-finished`."""
    return RecordJob(records(), _objects(), _verdicts())


@cache
def stop_run() -> StopRun:
    """The use case behind `flow-stopped`."""
    return StopRun(records())


@cache
def _objects() -> ObjectStore:
    return ObjectStore(aws.client("s3"), settings().artifact_bucket)


@cache
def _verdicts() -> DynamoMemo:
    return DynamoMemo(aws.client("dynamodb"), settings().table_name)
