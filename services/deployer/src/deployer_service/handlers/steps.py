"""The queue `deployer-steps`: work on AWS that takes longer than a message's handling should."""

from deployer_service import bootstrap
from deployer_service.bootstrap import SERVICE
from deployer_service.domain.messages import DeployComponentRequested
from penstock_shared.contracts.event import decode
from penstock_shared.decisions import Cause
from penstock_shared.errors import RefusedMessageError
from penstock_shared.messaging.routes import Routes


def _give_up(body: str, reason: str) -> None:
    """A step that nobody can do has failed: its deployment takes back what it did."""
    try:
        event = decode(body)
    except RefusedMessageError:
        SERVICE.fail_flow(body, reason)
        return
    if isinstance(event.data, DeployComponentRequested):
        bootstrap.perform_step().give_up(event.data, reason, Cause.of(event))


ROUTES: Routes = {DeployComponentRequested: bootstrap.perform_step}
handler = SERVICE.consumer(ROUTES, queue="deployer-steps", give_up=_give_up)
