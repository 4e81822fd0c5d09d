"""The service's queue: `deploy-done`, `flow-stopped`, `abort-release` and `promote-release`."""

from penstock_shared.contracts.commands import AbortRelease, PromoteRelease
from penstock_shared.contracts.events import DeployDone, FlowStopped
from penstock_shared.messaging.routes import Routes
from release_service import bootstrap
from release_service.bootstrap import SERVICE

ROUTES: Routes = {
    DeployDone: bootstrap.follow_deployment,
    FlowStopped: bootstrap.stop_release,
    AbortRelease: bootstrap.judge_command,
    PromoteRelease: bootstrap.judge_command,
}
handler = SERVICE.consumer(ROUTES)
