"""The service's queue: `build-requested`, `job-finished` and `flow-stopped`."""

from build_service import bootstrap
from build_service.bootstrap import SERVICE
from penstock_shared.contracts.events import BuildRequested, FlowStopped, JobFinished
from penstock_shared.messaging.routes import Routes, Together, by_parts

ROUTES: Routes = {
    BuildRequested: by_parts(bootstrap.start_build),
    JobFinished: Together(bootstrap.record_job, record_of=lambda data: data.result.record),
    FlowStopped: by_parts(bootstrap.stop_build),
}
handler = SERVICE.consumer(ROUTES)
