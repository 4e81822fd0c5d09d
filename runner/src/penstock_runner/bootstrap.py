"""Builds the function from its settings. `agent_bootstrap` builds the runner: a cold start of the
function must not import what only the runner needs.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from penstock_runner.domain.stop import StopMark
from penstock_runner.use_cases.stop_jobs import StopJobs
from penstock_shared import aws
from penstock_shared.contracts.event import Event, EventData
from penstock_shared.persistence.dynamodb import DynamoRecordStore
from penstock_shared.persistence.outbox import Records
from penstock_shared.service import Service
from penstock_shared.settings import Settings

# The function only handles stopped flows, which have ended already.
SERVICE = Service("runner", Settings, ends_flows=False)
SOURCE = f"penstock/{SERVICE.name}"


@cache
def stop_jobs() -> StopJobs:
    """The use case behind `flow-stopped`."""
    return StopJobs(stop_marks(aws.client("dynamodb"), SERVICE.settings.table_name))


class _NoPublisher:
    """The publisher of records without events. It saves the function two clients."""

    def publish(self, events: Sequence[Event[EventData]]) -> None:
        """Do nothing: there are no events."""


def stop_marks(dynamodb: Any, table: str) -> Records[StopMark]:
    """The marks of stopped flows, in the jobs table."""
    return Records(DynamoRecordStore(dynamodb, table, StopMark), _NoPublisher(), SOURCE)
