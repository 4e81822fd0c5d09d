"""Builds the service from its settings: the only module that makes clients."""

from functools import cache

from monitor_service.adapters.fact_table import FactTable
from monitor_service.adapters.job_logs import JobLogs
from monitor_service.adapters.plan_objects import PlanObjects
from monitor_service.settings import settings
from monitor_service.use_cases.list_flows import ListFlows
from monitor_service.use_cases.read_log import ReadLog
from monitor_service.use_cases.record_event import RecordEvent
from monitor_service.use_cases.show_flow import ShowFlow
from penstock_shared import aws
from penstock_shared.observability import Telemetry
from penstock_shared.storage import ObjectStore

SERVICE = "monitor"


@cache
def telemetry() -> Telemetry:
    """The service's logs, metrics and traces."""
    return Telemetry(SERVICE)


@cache
def record_event() -> RecordEvent:
    """The use case behind the queue."""
    return RecordEvent(_facts())


@cache
def list_flows() -> ListFlows:
    """The use case behind the list."""
    return ListFlows(_facts())


@cache
def show_flow() -> ShowFlow:
    """The use case behind one flow."""
    objects = ObjectStore(aws.client("s3"), settings().artifact_bucket)
    return ShowFlow(_facts(), PlanObjects(objects, telemetry()))


@cache
def read_log() -> ReadLog:
    """The use case behind a job's log."""
    return ReadLog(_facts(), JobLogs(aws.client("logs"), settings().job_log_group))


@cache
def _facts() -> FactTable:
    return FactTable(aws.client("dynamodb"), settings().table_name)
