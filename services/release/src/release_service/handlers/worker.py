"""The service's queue: `deploy-done`, `environment-passed`, `flow-stopped`, and what people ask."""

from penstock_shared.contracts.commands import AbortRelease, PromoteRelease
from penstock_shared.contracts.events import DeployDone, EnvironmentPassed, FlowStopped
from penstock_shared.messaging.routes import Routes
from release_service import bootstrap
from release_service.bootstrap import SERVICE

ROUTES: Routes = {
    DeployDone: bootstrap.follow_deployment,
    EnvironmentPassed: bootstrap.follow_gates,
    FlowStopped: bootstrap.stop_release,
    AbortRelease: bootstrap.judge_command,
    PromoteRelease: bootstrap.judge_command,
}
handler = SERVICE.consumer(ROUTES)
