"""The deployer with everything outside of it in memory, and environments that really change."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from deployer_service.domain.deployment.model import Deployment, DeploymentState, deployment_id
from deployer_service.domain.deployment.step import Step
from deployer_service.domain.environment.model import Environment, environment_key
from deployer_service.domain.errors import StepFailedError
from deployer_service.domain.messages import (
    DeployComponentRequested,
    DeploymentCalled,
)
from deployer_service.domain.ports import Driver, Performed
from deployer_service.drivers.command.driver import CommandDriver
from deployer_service.drivers.function.driver import LambdaDriver
from deployer_service.use_cases.call_deployment import CallDeployment
from deployer_service.use_cases.ledger import Ledger
from deployer_service.use_cases.perform_step import PerformStep
from deployer_service.use_cases.record_result import RecordJobs, RecordResults
from deployer_service.use_cases.start_deployment import StartDeployment
from deployer_service.use_cases.stop_flow import StopFlow
from deployer_service.use_cases.sweep import SweepOverdue
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.drivers.command import CommandDeploy
from penstock_shared.contracts.drivers.function import LambdaDeploy
from penstock_shared.contracts.event import MAX_ROUNDS, Event, EventData, make_event
from penstock_shared.contracts.events import (
    DeployDone,
    FlowAborted,
    FlowFailed,
    FlowRef,
    FlowStopped,
    FlowSuperseded,
    JobFinished,
    JobRequested,
    Phase,
    ReleasePromoted,
    RolledBack,
    TestsPassed,
)
from penstock_shared.contracts.jobs import Job, JobResult, JobState
from penstock_shared.contracts.plan import (
    EnvironmentMode,
    ObjectRef,
    PlannedComponent,
    PlannedEnvironment,
)
from penstock_shared.decisions import Cause
from penstock_shared.identifiers import digest_of, flow_id_for
from penstock_shared.observability import Telemetry
from penstock_shared.persistence.outbox import Records, RecordStore
from penstock_shared.persistence.remembering import RememberingRecords
from penstock_shared.plans import load_plan, plan_reference, store_plan
from penstock_shared.testing.fakes import FakeClock, InMemoryRecordStore, RecordingPublisher
from penstock_shared.tracing import new_traceparent
from tests.support.builders import (
    BEFORE,
    BELIEVED,
    NOW,
    PROOFS,
    a_change,
    a_component,
    a_flow_ref,
    a_plan,
    a_release,
    finished,
)
from tests.support.objects import a_bucket

FORGE = Forge.GITHUB
REPOSITORY = "acme/shop"
SOURCE = "penstock/deployer"

D = TypeVar("D", bound=EventData)


def by_command(name: str, *depends_on: str, content: str = "1", **deploy: Any) -> PlannedComponent:
    """A component that a job deploys. `content` is what its key is made of."""
    recipe = CommandDeploy(**{"run": "deploy", "rollback": "undo", **deploy})
    return a_component(
        name, key=digest_of(name, content), depends_on=depends_on, deploy=recipe,
        artifact=_artifact(name, content),
    )  # fmt: skip


def by_lambda(name: str, *depends_on: str, content: str = "1", **deploy: Any) -> PlannedComponent:
    """A component that the steps function deploys."""
    recipe = LambdaDeploy(**{"function": name, **deploy})
    return a_component(
        name, key=digest_of(name, content), depends_on=depends_on, deploy=recipe,
        artifact=_artifact(name, content),
    )  # fmt: skip


def _artifact(name: str, content: str) -> ObjectRef:
    digest = digest_of("artifact", name, content)
    return ObjectRef(key=f"artifacts/{name}/{digest}.zip", sha256=digest)


@dataclass
class Running:
    """What really runs: by environment and component, the version. Each write is remembered with
    the deployment that made it.
    """

    versions: dict[tuple[str, str], str] = field(default_factory=dict)
    writes: list[tuple[str, str, str]] = field(default_factory=list)

    def write(self, environment: str, component: str, version: str, by: str) -> None:
        """Deploy, or with no version take away."""
        self.writes.append((environment, component, by))
        if version:
            self.versions[environment, component] = version
        else:
            self.versions.pop((environment, component), None)

    def of(self, environment: str) -> dict[str, str]:
        """Component to version."""
        return {name: run for (place, name), run in self.versions.items() if place == environment}


@dataclass
class FakeFunctions:
    """A performer that writes to `running`; `fails` names components that do not deploy."""

    running: Running
    fails: set[str] = field(default_factory=set)

    def deploy(
        self, deployment: Deployment, step: Step, still_ours: Callable[[], None]
    ) -> Performed:
        if step.name in self.fails:
            raise StepFailedError("its artifact does not exist")
        still_ours()
        place = deployment.environment
        self.running.write(place.name, step.name, deployment.version, deployment.id)
        output = {"FUNCTION": f"{step.name}-{place.stage}:live"}
        return Performed(revision=f"{len(self.running.writes)}", outputs=output)

    def roll_back(self, deployment: Deployment, step: Step, still_ours: Callable[[], None]) -> None:
        still_ours()
        version = step.target.version if step.target else ""
        self.running.write(deployment.environment.name, step.name, version, deployment.id)


@dataclass
class FakeRunner:
    """Runs jobs on `running`; `fails` holds (component, direction) that exit with 2."""

    running: Running
    fails: set[tuple[str, str]] = field(default_factory=set)
    reason: str = ""

    def __call__(self, job: Job, state: JobState | None = None) -> JobResult:
        failed = (job.component, job.name) in self.fails
        state = state or (JobState.FAILED if failed else JobState.SUCCEEDED)
        if state is JobState.SUCCEEDED:
            told = job.variables
            version = told["PENSTOCK_VERSION"]
            place, name = told["PENSTOCK_ENVIRONMENT"], told["PENSTOCK_COMPONENT"]
            self.running.write(place, name, version, job.record)
        return JobResult(
            job_id=job.job_id,
            owner=job.owner,
            record=job.record,
            name=job.name,
            component=job.component,
            state=state,
            exit_code=2 if failed else 0,
            started_at=NOW,
            finished_at=NOW,
            command=job.run,
            reason=self.reason if failed else "",
        )


@dataclass
class Flow:
    """A flow as the services before the deployer have left it."""

    flow_id: str
    ref: FlowRef

    @property
    def version(self) -> str:
        return self.ref.sha[:12]

    def deployment(self, environment: str = "staging") -> str:
        return deployment_id(self.flow_id, environment)

    def event(self, data: D, hop: int = 1) -> Event[D]:
        trace = new_traceparent(self.flow_id, self.ref.started_at)
        return make_event(
            data, flow_id=self.flow_id, source="penstock/test", time=NOW, traceparent=trace, hop=hop
        )


@dataclass
class World:
    """Everything there is, and the means to move it by hand."""

    clock: FakeClock = field(default_factory=FakeClock)
    store: RecordStore[Any] = field(default_factory=InMemoryRecordStore)
    publisher: RecordingPublisher = field(default_factory=RecordingPublisher)
    running: Running = field(default_factory=Running)
    delivered: int = 0

    def __post_init__(self) -> None:
        self.objects = a_bucket()
        self.runner = FakeRunner(self.running)
        self.functions = FakeFunctions(self.running)
        drivers: dict[str, Driver] = {
            "command": CommandDriver(PROOFS.request),
            "lambda": LambdaDriver(),
        }
        self.processes = [self._ledger(drivers) for _ in range(2)]
        self.ledger = self.processes[0]
        self.jobs: list[Job] = []
        self.hops: dict[str, int] = {}
        self.steps: list[Event[EventData]] = []

    def _ledger(self, drivers: dict[str, Driver]) -> Ledger:
        deployments = RememberingRecords(self.store, self.publisher, SOURCE, self.clock)
        return Ledger(self._records(), deployments, self._records(), drivers, self.clock)

    def _records(self) -> Records[Any]:
        return Records(self.store, self.publisher, SOURCE, self.clock)

    # What happens elsewhere

    def flow(
        self,
        number: int = 1,
        *components: PlannedComponent,
        mode: EnvironmentMode = EnvironmentMode.SUPERSEDE,
        staging: bool = True,
    ) -> Flow:
        """A flow with gates passed. Flows are a second apart; each has its own sha."""
        sha = f"{number:x}".rjust(40, "0")[::-1]
        started_at = NOW + timedelta(seconds=number)
        flow_id = flow_id_for(FORGE, REPOSITORY, "refs/heads/main", BEFORE, sha)
        places = {
            name: PlannedEnvironment(name=name, stage=name, mode=mode)
            for name in ("staging", "production")
        }
        release = a_release(
            staging=places["staging"] if staging else None, production=places["production"]
        )
        plan = a_plan(
            flow_id,
            change=a_change(sha=sha),
            components=components or (by_command("orders", content=str(number)),),
            release=release,
            started_at=started_at,
        )
        store_plan(self.objects, plan)
        ref = a_flow_ref(sha=sha, started_at=started_at, plan=plan_reference(plan))
        return Flow(flow_id, ref)

    def pass_tests(self, flow: Flow) -> None:
        self.deliver(flow.event(TestsPassed(flow=flow.ref)))

    def promote(self, flow: Flow) -> None:
        self.deliver(flow.event(ReleasePromoted(flow=flow.ref, version="v")))

    def abort(self, flow: Flow, reason: str = "no good") -> None:
        self.deliver(flow.event(FlowAborted(reason=reason)))

    def run_jobs(self, *components: str, state: JobState | None = None) -> None:
        """Runners finish the jobs of these components (default: of all), in order."""
        self.take_in()
        ready = [job for job in self.jobs if not components or job.component in components]
        for job in ready:
            self.jobs.remove(job)
            self.deliver(self.finished(self.runner(job, state), job))

    def run_steps(self) -> None:
        """The steps function does what it was asked for."""
        self.take_in()
        while self.steps:
            self.deliver(self.steps.pop(0))
            self.take_in()

    def run_one_step(self) -> None:
        """The steps function does the first thing that it was asked for, if there is any."""
        self.take_in()
        if self.steps:
            self.deliver(self.steps.pop(0))

    def finished(self, result: JobResult, job: Job) -> Event[JobFinished]:
        flow_id = job.record.partition(".")[0]
        hop = self.hops.get(job.job_id, 1)
        return Flow(flow_id, a_flow_ref()).event(finished(result, flow_id), hop)

    def settle(self, *flows: Flow) -> None:
        """Let everything happen until nothing more does."""
        self.take_in()
        while self.jobs or self.steps:
            self.run_jobs()
            self.run_steps()

    def release(self, flow: Flow) -> None:
        """The whole way of a flow that nobody stops."""
        self.pass_tests(flow)
        self.settle()
        self.promote(flow)
        self.settle()

    def sweep(self) -> int:
        swept = SweepOverdue(self.ledger, StopFlow(self.ledger), Telemetry("deployer"))()
        self.take_in()
        return swept

    # The deployer's own messages

    def take_in(self) -> None:
        """Deliver what the deployer says to itself, and put aside what it asks of others."""
        while self.delivered < len(self.publisher.said):
            event = self.publisher.said[self.delivered]
            self.delivered += 1
            if isinstance(event.data, JobRequested):
                self.jobs.append(event.data.job)
                self.hops[event.data.job.job_id] = event.hop
            elif isinstance(event.data, DeployComponentRequested):
                self.steps.append(event)
            elif isinstance(event.data, DeploymentCalled | FlowStopped):
                self.deliver(event)

    def deliver(self, event: Event[EventData], process: int = 0) -> Any:
        """As the handlers do, in one of the processes: each remembers what it wrote itself."""
        assert event.hop <= MAX_ROUNDS, "a consumer would refuse it"
        ledger, cause = self.processes[process], Cause.of(event)
        read_plan = partial(load_plan, self.objects)
        record = RecordResults(ledger)
        use_cases: dict[type[EventData], Callable[[Any, Cause], Any]] = {
            TestsPassed: StartDeployment(ledger, read_plan, Phase.STAGING),
            ReleasePromoted: StartDeployment(ledger, read_plan, Phase.PRODUCTION),
            JobFinished: lambda event, cause: RecordJobs(record, BELIEVED)([event], cause),
            FlowStopped: StopFlow(ledger),
            DeploymentCalled: CallDeployment(ledger),
            DeployComponentRequested: PerformStep(ledger, {"lambda": self.functions}, record),
        }
        kind = next(kind for kind in type(event.data).__mro__ if kind in use_cases)
        return use_cases[kind](event, cause)

    # What became of it

    def state(self, flow: Flow, environment: str = "staging") -> DeploymentState | None:
        known = self.deployment(flow, environment)
        return known.state if known else None

    def deployment(self, flow: Flow, environment: str = "staging") -> Deployment | None:
        return self.ledger.deployments.get(flow.deployment(environment))

    def environment(self, name: str = "staging") -> Environment:
        known = self.ledger.environments.get(environment_key(FORGE, REPOSITORY, name))
        return known or Environment(key=environment_key(FORGE, REPOSITORY, name))

    def holder(self, name: str = "staging") -> str:
        holder = self.environment(name).holder
        return holder.deployment_id if holder else ""

    def done(self, environment: str = "staging") -> list[DeployDone]:
        said = self.publisher.only(DeployDone)
        return [done for done in said if done.environment == environment]

    def rolled_back(self, environment: str = "staging") -> list[RolledBack]:
        said = self.publisher.only(RolledBack)
        return [back for back in said if back.environment == environment]

    def stops(self) -> list[FlowStopped]:
        return [
            event.data
            for event in self.publisher.said
            if isinstance(event.data, FlowFailed | FlowSuperseded)
        ]


def components_of(jobs: Iterable[Job]) -> Sequence[str | None]:
    return [job.component for job in jobs]


def directions_of(jobs: Iterable[Job]) -> Sequence[tuple[str | None, str]]:
    return [(job.component, job.name) for job in jobs]


def moment(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)
