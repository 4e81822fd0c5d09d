"""The Lambda entry point: `flow-stopped` events, in the queue `runner`."""

from functools import cache
from typing import Any

from penstock_runner import bootstrap
from penstock_runner.domain.stop import StopMark
from penstock_runner.settings import settings
from penstock_shared import aws
from penstock_shared.contracts.event import Event, EventData
from penstock_shared.contracts.events import FlowStopped
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.errors import RefusedMessageError
from penstock_shared.messaging.consumer import Consumer


def stop_jobs(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An SQS batch in, the records that failed out."""
    return _consumer()(event, context)


@cache
def _consumer() -> Consumer:
    return Consumer.of_queue(
        aws.client("sqs"),
        settings().queue_url_prefix,
        bootstrap.SERVICE,
        bootstrap.telemetry(),
        _handle,
    )


def _handle(event: Event[EventData], cause: Cause) -> Outcome[StopMark]:
    if isinstance(event.data, FlowStopped):
        return bootstrap.stop_jobs()(event.subject, event.data, cause)
    raise RefusedMessageError(f"the runner does not consume {event.type}")
