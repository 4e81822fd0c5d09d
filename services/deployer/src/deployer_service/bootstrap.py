"""Builds the service from its settings: the only module that makes clients."""

from functools import cache, lru_cache

from deployer_service.domain.deployment.model import Deployment
from deployer_service.domain.environment.model import Environment
from deployer_service.domain.flow import Flow
from deployer_service.drivers import registry
from deployer_service.settings import DeployerSettings
from deployer_service.use_cases.call_deployment import CallDeployment
from deployer_service.use_cases.ledger import Ledger
from deployer_service.use_cases.perform_step import PerformStep
from deployer_service.use_cases.record_result import RecordJobs, RecordResults
from deployer_service.use_cases.start_deployment import StartDeployment
from deployer_service.use_cases.stop_flow import StopFlow
from deployer_service.use_cases.sweep import SweepOverdue
from penstock_shared import aws
from penstock_shared.clock import utc_now
from penstock_shared.contracts.events import JobRequested, Phase
from penstock_shared.contracts.jobs import Job
from penstock_shared.contracts.plan import ObjectRef, Plan
from penstock_shared.plans import load_plan
from penstock_shared.service import Service

SERVICE = Service("deployer", DeployerSettings)


@cache
def ledger() -> Ledger:
    """The deployments table, with its outbox, and the drivers."""
    return Ledger(
        flows=SERVICE.records(Flow),
        # Most often the container that started a component hears of its end too.
        deployments=SERVICE.records(Deployment, remembering=True),
        # What runs where is not forgotten, however long ago it was deployed.
        environments=SERVICE.records(Environment, lasting=True),
        drivers=registry.drivers(_request_job),
        clock=utc_now,
    )


@cache
def deploy_tested() -> StartDeployment:
    """The use case behind `tests-passed`."""
    return StartDeployment(ledger(), _plan, Phase.STAGING)


@cache
def deploy_promoted() -> StartDeployment:
    """The use case behind `release-promoted`."""
    return StartDeployment(ledger(), _plan, Phase.PRODUCTION)


@cache
def record_jobs() -> RecordJobs:
    """The use case behind `job-finished`."""
    return RecordJobs(_record_results(), SERVICE.believed_results)


@cache
def call_deployment() -> CallDeployment:
    """The use case behind `deployment-called`."""
    return CallDeployment(ledger())


@cache
def stop_flow() -> StopFlow:
    """The use case behind `flow-stopped`."""
    return StopFlow(ledger())


@cache
def perform_step() -> PerformStep:
    """The use case behind `deploy-component-requested`."""
    settings = SERVICE.settings
    tools = registry.Tools(
        aws.client, SERVICE.objects, settings.component_role_arn, settings.penstock_stage
    )
    return PerformStep(ledger(), registry.performers(tools), _record_results())


@cache
def sweep() -> SweepOverdue:
    """The use case behind the schedule."""
    return SweepOverdue(ledger(), stop_flow(), SERVICE.telemetry)


def _request_job(flow_id: str, job: Job) -> JobRequested:
    # Only now is the key of the proofs read: most messages ask for no job.
    return SERVICE.job_proofs.request(flow_id, job)


@cache
def _record_results() -> RecordResults:
    return RecordResults(ledger())


@lru_cache(maxsize=16)
def _plan(reference: ObjectRef) -> Plan:
    # A plan never changes, and a flow's second deployment often meets the first one's container.
    return load_plan(SERVICE.objects, reference)
