"""The service's queue: `build-completed`, `job-finished` and `flow-stopped`."""

from penstock_shared.contracts.events import BuildCompleted, FlowStopped, JobFinished
from penstock_shared.messaging.routes import Routes, by_parts
from test_runner_service import bootstrap
from test_runner_service.bootstrap import SERVICE

ROUTES: Routes = {
    BuildCompleted: by_parts(bootstrap.start_run),
    JobFinished: lambda: lambda event, cause: bootstrap.record_job()(event.data.result, cause),
    FlowStopped: by_parts(bootstrap.stop_run),
}
handler = SERVICE.consumer(ROUTES)
