"""The service's queue: `deploy-done`, `flow-stopped`, `abort-release` and `promote-release`."""

from functools import cache
from typing import Any

from penstock_shared import aws
from penstock_shared.contracts.event import Event, EventData
from penstock_shared.contracts.events import DeployDone, EnvironmentRole, FlowStopped
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.errors import RefusedMessageError
from penstock_shared.messaging.consumer import Consumer
from release_service import bootstrap
from release_service.domain.release import Release
from release_service.settings import settings


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An SQS batch in, the records that failed out."""
    return _consumer()(event, context)


@cache
def _consumer() -> Consumer:
    return Consumer.of_queue(
        aws.client("sqs"),
        settings().queue_url_prefix,
        "release",
        bootstrap.telemetry(),
        _handle,
        handle_command=bootstrap.obey(),
        give_up=bootstrap.fail_flow(),
    )


def _handle(event: Event[EventData], cause: Cause) -> Outcome[Release] | None:
    match event.data:
        case DeployDone(role=EnvironmentRole.STAGING) as done:
            return bootstrap.begin_bake()(event.subject, done, cause)
        case DeployDone(role=EnvironmentRole.PRODUCTION) as done:
            return bootstrap.finish_release().done(event.subject, done, cause)
        case DeployDone():
            return None
        case FlowStopped() as stopped:
            return bootstrap.finish_release().stopped(event.subject, stopped, cause)
        case _:
            raise RefusedMessageError(f"the release service does not consume {event.type}")
