"""The service's queue: verdicts, promotions, results of jobs, stopped flows, and its own calls."""

from functools import cache
from typing import Any

from deployer_service import bootstrap
from deployer_service.domain.messages import DeploymentCalled
from deployer_service.settings import settings
from penstock_shared.contracts.event import Event, EventData
from penstock_shared.contracts.events import FlowStopped, JobFinished, ReleasePromoted, TestsPassed
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
        "deployer",
        bootstrap.telemetry(),
        _handle,
        give_up=bootstrap.fail_flow(),
    )


def _handle(event: Event[EventData], cause: Cause) -> Outcome[Any] | None:
    """Give one event to the use case that it is for."""
    match event.data:
        case TestsPassed(flow=flow):
            return bootstrap.start_deployment().after_tests(event.subject, flow, cause)
        case ReleasePromoted(flow=flow):
            return bootstrap.start_deployment().after_bake(event.subject, flow, cause)
        case JobFinished(result=result):
            return bootstrap.record_result().of_job(result, cause)
        case FlowStopped() as stopped:
            return bootstrap.stop_flow()(event.subject, stopped, cause)
        case DeploymentCalled(deployment_id=deployment_id):
            return bootstrap.call_deployment()(deployment_id, cause)
        case _:
            raise RefusedMessageError(f"the deployer does not consume {event.type}")
