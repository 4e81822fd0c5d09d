"""Builds the service from its settings: the only module that makes clients."""

from functools import cache

from build_service.adapters.forges import FORGES
from build_service.adapters.planner_function import PlannerFunction
from build_service.adapters.secrets import SecretsManagerSecrets
from build_service.adapters.write_credentials import SecretsManagerWriteCredentials
from build_service.domain.build import Build, overdue
from build_service.domain.pull_request import LISTED_AS as PULL_REQUESTS
from build_service.domain.pull_request import PullRequest
from build_service.domain.registration import LISTED_AS, Registration
from build_service.domain.repository import Repository
from build_service.settings import BuildSettings, SourceAddresses
from build_service.use_cases.draft_plan import DraftPlan
from build_service.use_cases.explain_gate import ExplainGate
from build_service.use_cases.follow_pull_request import FollowPullRequest
from build_service.use_cases.keep_order import KeepOrder
from build_service.use_cases.manage_repositories import ManageRepositories
from build_service.use_cases.preview_plan import PreviewPlan
from build_service.use_cases.receive_push import ReceivePush
from build_service.use_cases.record_job import RecordBuildJob
from build_service.use_cases.registered_planner import RegisteredPlanner
from build_service.use_cases.registry import Registry
from build_service.use_cases.start_build import StartBuild
from build_service.use_cases.start_flow import StartFlow
from build_service.use_cases.starting import Starting
from build_service.use_cases.stop_build import StopBuild
from penstock_shared import aws
from penstock_shared.clock import utc_now
from penstock_shared.contracts.events import Phase
from penstock_shared.persistence.outbox import Records
from penstock_shared.persistence.sweep import Sweep
from penstock_shared.plans import Plans
from penstock_shared.service import Service

SERVICE = Service("build", BuildSettings, Phase.BUILD)


@cache
def records() -> Records[Build]:
    """The builds table, with its outbox."""
    return SERVICE.records(Build)


@cache
def repositories() -> Records[Repository]:
    """The records of repositories, in the builds' own table."""
    return SERVICE.records(Repository)


@cache
def registrations() -> Records[Registration]:
    """The registrations of repositories, in the builds' own table."""
    return SERVICE.records(Registration, lasting=True, listed_as=LISTED_AS)


@cache
def pull_requests() -> Records[PullRequest]:
    """The records of pull requests, in the builds' own table."""
    return SERVICE.records(PullRequest, listed_as=PULL_REQUESTS)


@cache
def starting() -> Starting:
    """Starts and ends flows."""
    return Starting(records(), utc_now)


@cache
def follow_pull_request() -> FollowPullRequest:
    """Keeps one flow for each open pull request."""
    return FollowPullRequest(pull_requests(), starting())


@cache
def secrets() -> SecretsManagerSecrets:
    """The secrets of repositories."""
    return SecretsManagerSecrets(aws.client("secretsmanager"), SERVICE.settings.repository_secrets)


@cache
def registry() -> Registry:
    """The registered repositories, as this container remembers them."""
    return Registry(registrations(), secrets(), utc_now)


@cache
def manage_repositories() -> ManageRepositories:
    """The use case behind the function `repositories`."""
    write_credentials = SecretsManagerWriteCredentials(
        aws.client("secretsmanager"), SERVICE.settings.write_credentials
    )
    return ManageRepositories(
        registrations(),
        secrets(),
        write_credentials,
        pull_requests(),
        schemes(),
        tuple(SERVICE.settings.api_schemes.split(",")),
        utc_now,
    )


@cache
def receive_push() -> ReceivePush:
    """The use case behind the webhook."""
    return ReceivePush(
        starting(), follow_pull_request(), repositories(), registry(), FORGES, utc_now
    )


@cache
def draft_plan() -> DraftPlan:
    """The use case behind the function `planner`."""
    # Importing dulwich is slow, and only fetching needs it.
    from build_service.adapters.git import GitSourceRepository
    from build_service.adapters.network import any_address, public_address

    judges = {SourceAddresses.ANY: any_address, SourceAddresses.PUBLIC: public_address}
    settings = SERVICE.settings
    sources = GitSourceRepository(schemes(), judges[settings.source_addresses])
    return DraftPlan(sources, SERVICE.objects, SERVICE.telemetry, settings.presets_digest)


@cache
def registered_planner() -> RegisteredPlanner:
    """Has changes planned as the registry says."""
    planner = PlannerFunction(aws.client("lambda"), SERVICE.settings.planner_function_prefix)
    return RegisteredPlanner(registry(), planner, FORGES)


@cache
def start_build() -> StartBuild:
    """The use case behind `build-requested`."""
    order = KeepOrder(repositories())
    return StartBuild(
        records(),
        registered_planner(),
        plans(),
        SERVICE.memo,
        order,
        SERVICE.job_proofs,
        utc_now,
    )


@cache
def preview_plan() -> PreviewPlan:
    """The use case behind the function `preview`."""
    return PreviewPlan(records(), registered_planner(), plans(), SERVICE.memo, utc_now)


@cache
def explain_gate() -> ExplainGate:
    """The use case behind questions about gates to the function `preview`."""
    return ExplainGate(records(), plans())


@cache
def start_flow() -> StartFlow:
    """The use case behind `run-flow`."""
    return StartFlow(records(), registry(), starting(), follow_pull_request(), utc_now)


@cache
def record_job() -> RecordBuildJob:
    """The use case behind `job-finished`."""
    return RecordBuildJob(records(), plans(), SERVICE.memo, SERVICE.believed_results, utc_now)


@cache
def stop_build() -> StopBuild:
    """The use case behind `flow-stopped`."""
    return StopBuild(records())


@cache
def sweep() -> Sweep[Build]:
    """The use case behind the schedule."""
    return Sweep(records(), SERVICE.telemetry, overdue, lambda _key, build: build.flow_id)


@cache
def plans() -> Plans:
    """The plans of flows, which this container remembers."""
    return Plans(SERVICE.objects)


def schemes() -> tuple[str, ...]:
    """The schemes of the addresses that source is fetched from."""
    return tuple(SERVICE.settings.source_schemes.split(","))
