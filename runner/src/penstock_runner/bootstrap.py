"""Builds the function from its settings. The runner's own is `agent_bootstrap`: a function that
starts cold should not have to import what only the runner needs.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from penstock_runner.domain.stop import StopMark
from penstock_runner.settings import settings
from penstock_runner.use_cases.stop_jobs import StopJobs
from penstock_shared import aws
from penstock_shared.contracts.event import Event, EventData
from penstock_shared.observability import Telemetry
from penstock_shared.persistence.dynamodb import DynamoRecordStore
from penstock_shared.persistence.outbox import Records

SERVICE = "runner"
SOURCE = f"penstock/{SERVICE}"


@cache
def telemetry() -> Telemetry:
    """The logs, metrics and traces of the runner and its function."""
    return Telemetry(SERVICE)


@cache
def stop_jobs() -> StopJobs:
    """The use case behind `flow-stopped`."""
    return StopJobs(stop_marks(aws.client("dynamodb"), settings().table_name))


class _Mute:
    """Publishes for records that say nothing, which spares the function two clients."""

    def publish(self, events: Sequence[Event[EventData]]) -> None:
        """There is nothing to say."""


def stop_marks(dynamodb: Any, table: str) -> Records[StopMark]:
    """The marks of stopped flows, in the jobs table."""
    return Records(DynamoRecordStore(dynamodb, table, StopMark), _Mute(), SOURCE)
