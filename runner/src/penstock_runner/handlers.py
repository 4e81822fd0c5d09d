"""The Lambda entry point: `flow-stopped` events, in the queue `runner`."""

from penstock_runner import bootstrap
from penstock_runner.bootstrap import SERVICE
from penstock_shared.contracts.events import FlowStopped
from penstock_shared.messaging.routes import Routes

ROUTES: Routes = {FlowStopped: bootstrap.stop_jobs}
stop_jobs = SERVICE.consumer(ROUTES)
