"""Builds the service from its settings: the only module that makes clients."""

from functools import cache

from build_service.adapters.forges import FORGES
from build_service.domain.build import Build
from build_service.settings import settings
from build_service.use_cases.receive_push import ReceivePush
from build_service.use_cases.record_job import RecordJob
from build_service.use_cases.start_build import StartBuild
from build_service.use_cases.stop_build import StopBuild
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

SERVICE = "build"


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
    return FailFlow(publisher(), SERVICE, Stage.BUILD)


@cache
def records() -> Records[Build]:
    """The builds table, with its outbox."""
    return Records(
        store=DynamoRecordStore(
            aws.client("dynamodb"), settings().table_name, Build, objects=objects()
        ),
        publisher=publisher(),
        source=f"penstock/{SERVICE}",
    )


@cache
def webhook_secret() -> str:
    """The secret that deliveries are signed with; read once a cold start."""
    response = aws.client("secretsmanager").get_secret_value(SecretId=settings().webhook_secret_id)
    return str(response["SecretString"])


@cache
def receive_push() -> ReceivePush:
    """The use case behind the webhook."""
    return ReceivePush(records(), FORGES, utc_now)


@cache
def start_build() -> StartBuild:
    """The use case behind `build-requested`."""
    # dulwich is what this service's import time is made of, and only fetching needs it.
    from build_service.adapters.git import GitSourceRepository

    schemes = tuple(settings().source_schemes.split(","))
    return StartBuild(records(), GitSourceRepository(schemes), objects(), artifacts(), utc_now)


@cache
def record_job() -> RecordJob:
    """The use case behind `job-finished`."""
    return RecordJob(records(), objects(), artifacts())


@cache
def stop_build() -> StopBuild:
    """The use case behind `flow-stopped`."""
    return StopBuild(records())


@cache
def objects() -> ObjectStore:
    """The artifact bucket."""
    return ObjectStore(aws.client("s3"), settings().artifact_bucket)


@cache
def artifacts() -> DynamoMemo:
    """What is known of artifacts, in the service's own table."""
    return DynamoMemo(aws.client("dynamodb"), settings().table_name)
