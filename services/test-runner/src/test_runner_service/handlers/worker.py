"""The service's queue: `build-completed`, `job-finished` and `flow-stopped`."""

from functools import cache
from typing import Any

from penstock_shared import aws
from penstock_shared.contracts.event import Event, EventData
from penstock_shared.contracts.events import BuildCompleted, FlowStopped, JobFinished
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.errors import RefusedMessageError
from penstock_shared.messaging.consumer import Consumer
from test_runner_service import bootstrap
from test_runner_service.domain.run import TestRun
from test_runner_service.settings import settings


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An SQS batch in, the records that failed out."""
    return _consumer()(event, context)


@cache
def _consumer() -> Consumer:
    return Consumer.of_queue(
        aws.client("sqs"),
        settings().queue_url_prefix,
        "test-runner",
        bootstrap.telemetry(),
        _handle,
        give_up=bootstrap.fail_flow(),
    )


def _handle(event: Event[EventData], cause: Cause) -> Outcome[TestRun]:
    match event.data:
        case BuildCompleted() as completed:
            return bootstrap.start_run()(event.subject, completed, cause)
        case JobFinished(result=result):
            return bootstrap.record_job()(result, cause)
        case FlowStopped() as stopped:
            return bootstrap.stop_run()(event.subject, stopped, cause)
        case _:
            raise RefusedMessageError(f"the test-runner service does not consume {event.type}")
