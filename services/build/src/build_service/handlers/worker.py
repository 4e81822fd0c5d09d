"""The service's queue: `build-requested`, `job-finished` and `flow-stopped`."""

from functools import cache
from typing import Any

from build_service import bootstrap
from build_service.domain.build import Build
from build_service.settings import settings
from penstock_shared import aws
from penstock_shared.contracts.event import Event, EventData
from penstock_shared.contracts.events import BuildRequested, FlowStopped, JobFinished
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.errors import RefusedMessageError
from penstock_shared.messaging.consumer import Consumer


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An SQS batch in, the records that failed out."""
    return _consumer()(event, context)


@cache
def _consumer() -> Consumer:
    return Consumer.of_queue(
        aws.client("sqs"),
        settings().queue_url_prefix,
        "build",
        bootstrap.telemetry(),
        _handle,
        give_up=bootstrap.fail_flow(),
    )


def _handle(event: Event[EventData], cause: Cause) -> Outcome[Build]:
    match event.data:
        case BuildRequested() as request:
            return bootstrap.start_build()(event.subject, request, cause)
        case JobFinished(result=result):
            return bootstrap.record_job()(result, cause)
        case FlowStopped() as stopped:
            return bootstrap.stop_build()(event.subject, stopped, cause)
        case _:
            raise RefusedMessageError(f"the build service does not consume {event.type}")
