"""The service's queue: every event of which something is kept, and aborts that are asked for."""

from monitor_service import bootstrap
from monitor_service.bootstrap import SERVICE
from monitor_service.domain.recording import KEEPERS
from penstock_shared.contracts.commands import AbortRelease
from penstock_shared.messaging.routes import Routes

ROUTES: Routes = {
    **dict.fromkeys(KEEPERS, bootstrap.record_event),
    AbortRelease: bootstrap.record_request,
}
handler = SERVICE.consumer(ROUTES)
