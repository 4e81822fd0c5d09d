"""The service's queue: verdicts, promotions, results of jobs, stopped flows, and its own calls."""

from deployer_service import bootstrap
from deployer_service.bootstrap import SERVICE
from deployer_service.domain.messages import DeploymentCalled
from deployer_service.handlers.giving_up import give_up
from penstock_shared.contracts.events import FlowStopped, JobFinished, ReleasePromoted, TestsPassed
from penstock_shared.messaging.routes import Routes, Together

ROUTES: Routes = {
    TestsPassed: bootstrap.deploy_tested,
    ReleasePromoted: bootstrap.deploy_promoted,
    JobFinished: Together(bootstrap.record_jobs, lambda finished: finished.result.record),
    FlowStopped: bootstrap.stop_flow,
    DeploymentCalled: bootstrap.call_deployment,
}
handler = SERVICE.consumer(ROUTES, give_up=give_up)
