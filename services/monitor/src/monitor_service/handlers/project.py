"""The service's queue: every event there is, and the aborts that people ask for."""

from monitor_service import bootstrap
from monitor_service.bootstrap import SERVICE
from penstock_shared.contracts.commands import AbortRelease
from penstock_shared.contracts.event import EventData
from penstock_shared.messaging.routes import Routes

ROUTES: Routes = {
    EventData: bootstrap.record_event,
    AbortRelease: bootstrap.record_request,
}
handler = SERVICE.consumer(ROUTES)
