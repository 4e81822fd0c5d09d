"""Builds the service from its settings: the only module that makes clients."""

from datetime import timedelta
from functools import cache, lru_cache
from typing import Any, TypeVar

from deployer_service.adapters.command_driver import CommandDriver
from deployer_service.adapters.lambda_driver import LambdaDriver, LambdaPerformer
from deployer_service.domain.deployment import Deployment
from deployer_service.domain.environment import Environment
from deployer_service.domain.flow import Flow
from deployer_service.domain.ports import Driver
from deployer_service.settings import settings
from deployer_service.use_cases.call_deployment import CallDeployment
from deployer_service.use_cases.ledger import Ledger
from deployer_service.use_cases.perform_step import PerformStep
from deployer_service.use_cases.record_result import RecordResult
from deployer_service.use_cases.start_deployment import StartDeployment
from deployer_service.use_cases.stop_flow import StopFlow
from deployer_service.use_cases.sweep import Sweep
from penstock_shared import aws
from penstock_shared.clock import utc_now
from penstock_shared.contracts.plan import ObjectRef, Plan
from penstock_shared.decisions import Record
from penstock_shared.messaging.giving_up import FailFlow
from penstock_shared.messaging.publisher import AwsPublisher
from penstock_shared.observability import Telemetry
from penstock_shared.persistence.dynamodb import RETENTION, DynamoRecordStore
from penstock_shared.persistence.outbox import Records
from penstock_shared.persistence.remembering import RememberingRecords
from penstock_shared.plans import load_plan
from penstock_shared.storage import ObjectStore

SERVICE = "deployer"
SOURCE = f"penstock/{SERVICE}"

R = TypeVar("R", bound=Record)


@cache
def telemetry() -> Telemetry:
    """The service's logs, metrics and traces."""
    return Telemetry(SERVICE)


@cache
def ledger() -> Ledger:
    """The deployments table, with its outbox, and the drivers."""
    drivers: dict[str, Driver] = {"command": CommandDriver(), "lambda": LambdaDriver()}
    return Ledger(
        flows=Records(_store(Flow), publisher(), SOURCE),
        # Most often the container that started a component hears of its end too.
        deployments=RememberingRecords(_store(Deployment), publisher(), SOURCE),
        # What runs where is not forgotten, however long ago it was deployed.
        environments=Records(_store(Environment, retention=None), publisher(), SOURCE),
        drivers=drivers,
        clock=utc_now,
    )


@cache
def start_deployment() -> StartDeployment:
    """The use case behind `tests-passed` and `release-promoted`."""
    return StartDeployment(ledger(), _plan)


@cache
def record_result() -> RecordResult:
    """The use case behind `job-finished`."""
    return RecordResult(ledger())


@cache
def call_deployment() -> CallDeployment:
    """The use case behind `deployment-called`."""
    return CallDeployment(ledger())


@cache
def stop_flow() -> StopFlow:
    """The use case behind `flow-stopped`."""
    return StopFlow(ledger())


@cache
def perform_step() -> PerformStep:
    """The use case behind `deploy-component-requested`."""
    functions = LambdaPerformer(aws.client("lambda"), _objects(), settings().component_role_arn)
    return PerformStep(ledger(), {"lambda": functions}, record_result())


@cache
def sweep() -> Sweep:
    """The use case behind the schedule."""
    return Sweep(ledger(), telemetry())


@cache
def fail_flow() -> FailFlow:
    """What becomes of the flow of a message that cannot be handled."""
    return FailFlow(publisher(), SERVICE)


@cache
def sqs() -> Any:
    """The SQS client."""
    return aws.client("sqs")


@cache
def _objects() -> ObjectStore:
    return ObjectStore(aws.client("s3"), settings().artifact_bucket)


@lru_cache(maxsize=16)
def _plan(reference: ObjectRef) -> Plan:
    # A plan never changes, and a flow's second deployment often meets the first one's container.
    return load_plan(_objects(), reference)


def _store(record_type: type[R], retention: timedelta | None = RETENTION) -> DynamoRecordStore[R]:
    table = settings().table_name
    return DynamoRecordStore(
        _dynamodb(), table, record_type, retention=retention, objects=_objects()
    )


@cache
def _dynamodb() -> Any:
    return aws.client("dynamodb")


@cache
def publisher() -> AwsPublisher:
    """Says events on topics and queues."""
    told = settings()
    sns = aws.client("sns")
    return AwsPublisher(sns, sqs(), told.topic_arn_prefix, told.queue_url_prefix)
