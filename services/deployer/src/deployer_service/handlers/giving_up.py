"""What becomes of a message that nobody can handle, where a step of a deployment waits for it."""

from typing import Any

from deployer_service import bootstrap
from deployer_service.bootstrap import SERVICE
from deployer_service.domain.messages import DeployComponentRequested
from penstock_shared.contracts.event import Event, EventData, decode
from penstock_shared.contracts.events import JobFinished
from penstock_shared.decisions import Cause
from penstock_shared.errors import RefusedMessageError


def give_up(body: str, reason: str) -> None:
    """Fail the step, so that its deployment takes back what it did and frees its environment at
    once. Where no step waits, fail the flow.
    """
    try:
        if not _fail_step(decode(body), reason):
            SERVICE.fail_flow(body, reason)
    except RefusedMessageError:
        SERVICE.fail_flow(body, reason)
    except Exception:
        # The flow hears of it all the same; the message comes back for what the flow still holds.
        SERVICE.fail_flow(body, reason)
        raise


def _fail_step(event: Event[EventData], reason: str) -> bool:
    if isinstance(event.data, DeployComponentRequested):
        bootstrap.perform_step().give_up(event.data, reason, Cause.of(event))
    elif isinstance(event.data, JobFinished):
        finished: Event[Any] = event
        bootstrap.record_jobs().give_up(finished, reason)
    else:
        return False
    return True
