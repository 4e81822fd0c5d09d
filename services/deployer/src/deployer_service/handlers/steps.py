"""The queue `deployer-steps`: work on AWS that takes longer than a message's handling should."""

from functools import cache
from typing import Any

from deployer_service import bootstrap
from deployer_service.domain.messages import DeployComponentRequested
from deployer_service.settings import settings
from penstock_shared.contracts.event import Event, EventData, decode
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.errors import RefusedMessageError
from penstock_shared.messaging.consumer import Consumer


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An SQS batch in, the records that failed out."""
    return _consumer()(event, context)


@cache
def _consumer() -> Consumer:
    return Consumer.of_queue(
        bootstrap.sqs(),
        settings().queue_url_prefix,
        "deployer-steps",
        bootstrap.telemetry(),
        _handle,
        give_up=_give_up,
    )


def _give_up(body: str, reason: str) -> None:
    try:
        event = decode(body)
    except RefusedMessageError:
        bootstrap.fail_flow()(body, reason)
        return
    if isinstance(event.data, DeployComponentRequested):
        bootstrap.perform_step().give_up(event.data, reason, Cause.of(event))


def _handle(event: Event[EventData], cause: Cause) -> Outcome[Any]:
    if not isinstance(event.data, DeployComponentRequested):
        raise RefusedMessageError(f"the deployer's steps do not consume {event.type}")
    return bootstrap.perform_step()(event.data, cause)
