"""Builds the service from its settings: the only module that makes clients."""

from functools import cache

from monitor_service.adapters.fact_table import FactTable
from monitor_service.adapters.job_logs import JobLogStreams
from monitor_service.adapters.plan_objects import PlanObjects
from monitor_service.settings import MonitorSettings
from monitor_service.use_cases.believe_runners import BelieveRunners
from monitor_service.use_cases.list_flows import ListFlows
from monitor_service.use_cases.read_log import ReadLog
from monitor_service.use_cases.record_event import RecordEvent, RecordRequest
from monitor_service.use_cases.show_flow import ShowFlow
from penstock_shared import aws
from penstock_shared.service import Service

SERVICE = Service("monitor", MonitorSettings, ends_flows=False)


@cache
def record_event() -> RecordEvent:
    """The use case behind every event."""
    believed = BelieveRunners(SERVICE.proofs_of, SERVICE.telemetry)
    return RecordEvent(_facts(), believed)


@cache
def record_request() -> RecordRequest:
    """The use case behind `abort-release`."""
    return RecordRequest(_facts())


@cache
def list_flows() -> ListFlows:
    """The use case behind the list."""
    return ListFlows(_facts())


@cache
def show_flow() -> ShowFlow:
    """The use case behind one flow."""
    return ShowFlow(_facts(), PlanObjects(SERVICE.objects, SERVICE.telemetry))


@cache
def read_log() -> ReadLog:
    """The use case behind a job's log."""
    return ReadLog(_facts(), JobLogStreams(aws.client("logs"), SERVICE.settings.job_log_group))


@cache
def _facts() -> FactTable:
    return FactTable(aws.client("dynamodb"), SERVICE.settings.table_name)
