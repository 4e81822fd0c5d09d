"""The service's queue: `build-requested`, `job-finished`, `flow-stopped` and `run-flow`."""

from build_service import bootstrap
from build_service.bootstrap import SERVICE
from penstock_shared.contracts.commands import RunFlow
from penstock_shared.contracts.events import BuildRequested, FlowStopped, JobFinished
from penstock_shared.messaging.routes import Routes, Together

ROUTES: Routes = {
    BuildRequested: bootstrap.start_build,
    JobFinished: Together(bootstrap.record_job, record_of=lambda data: data.result.record),
    FlowStopped: bootstrap.stop_build,
    RunFlow: bootstrap.start_flow,
}
handler = SERVICE.consumer(ROUTES)
