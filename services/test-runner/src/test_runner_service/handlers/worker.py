"""The service's queue: `build-completed`, `deploy-done`, `job-finished` and `flow-stopped`."""

from penstock_shared.contracts.events import BuildCompleted, DeployDone, FlowStopped, JobFinished
from penstock_shared.messaging.routes import Routes, Together
from test_runner_service import bootstrap
from test_runner_service.bootstrap import SERVICE

ROUTES: Routes = {
    BuildCompleted: bootstrap.start_run,
    DeployDone: bootstrap.start_environment_run,
    JobFinished: Together(bootstrap.record_job, record_of=lambda data: data.result.record),
    FlowStopped: bootstrap.stop_run,
}
handler = SERVICE.consumer(ROUTES)
