"""The service's queue: every event there is, and the aborts that people ask for."""

from functools import cache
from typing import Any

from monitor_service import bootstrap
from monitor_service.settings import settings
from penstock_shared import aws
from penstock_shared.messaging.consumer import Consumer


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An SQS batch in, the records that failed out."""
    return _consumer()(event, context)


@cache
def _consumer() -> Consumer:
    record = bootstrap.record_event()
    return Consumer.of_queue(
        aws.client("sqs"),
        settings().queue_url_prefix,
        bootstrap.SERVICE,
        bootstrap.telemetry(),
        record.event,
        record.request,
    )
