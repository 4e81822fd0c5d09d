"""Whatever the order in which messages are handled: one writer at a time, and a clean end."""

from dataclasses import dataclass, field

import pytest

from deployer_service.domain.deployment.step import StepState
from deployer_service.domain.environment.model import environment_key
from deployer_service.domain.environment.settling import SETTLED
from penstock_shared.contracts.event import Event, EventData
from penstock_shared.contracts.events import (
    DeployDone,
    EnvironmentRole,
    FlowAborted,
    FlowStopped,
    JobRequested,
    ReleasePromoted,
    RolledBack,
    TestsPassed,
)
from penstock_shared.contracts.plan import EnvironmentMode, PlannedComponent
from tests.unit.deployer_service.interleaving import Dice, PausingPublisher, PausingStore
from tests.unit.deployer_service.world import (
    FORGE,
    REPOSITORY,
    Flow,
    Running,
    World,
    by_command,
    by_lambda,
)

ENVIRONMENTS = ("staging", "production")


@dataclass
class CheckedRunning(Running):
    """Every write to an environment must come from its holder."""

    course: "Course | None" = None

    def write(self, environment: str, component: str, version: str, by: str) -> None:
        assert self.course
        if self.course.mode is not EnvironmentMode.PARALLEL:
            assert self.course.holder_now(environment) == by, f"{by} wrote to {environment}"
        super().write(environment, component, version, by)


@dataclass
class Course:
    """One course of events: three flows, some promoted, some aborted, some with bad components."""

    seed: int
    mode: EnvironmentMode
    drivers: str = "mixed"
    flows: list[Flow] = field(default_factory=list)
    executed: dict[str, Event[EventData]] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.dice = Dice(self.seed, self.handle)
        self.store = PausingStore(pause=self.dice.pause)
        publisher = PausingPublisher(pause=self.dice.pause, sends=self.sent)
        running = CheckedRunning(course=self)
        self.world = World(store=self.store, publisher=publisher, running=running)
        self.random = self.dice.random
        for number in (1, 2, 3):
            flow = self.world.flow(number, *self.components(), mode=self.mode)
            self.flows.append(flow)
            self.dice.inbox.append(flow.event(TestsPassed(flow=flow.ref)))

    def components(self) -> list[PlannedComponent]:
        kinds = [by_lambda] if self.drivers == "lambda" else [by_command, by_lambda]
        pick = self.random.choice
        return [
            pick(kinds)("customers", content=pick("ab")),
            pick(kinds)("orders", "customers", content=pick("abc")),
        ]

    def sent(self, event: Event[EventData]) -> None:
        """What other services make of an event."""
        self.dice.inbox.append(event)
        if isinstance(event.data, FlowStopped):
            self.stopped.add(event.subject)

    def handle(self, event: Event[EventData]) -> None:
        if isinstance(event.data, DeployDone):
            self.release(event, event.data)
        elif isinstance(event.data, JobRequested):
            self.execute(event.data)
        elif not isinstance(event.data, RolledBack):
            self.world.deliver(event, self.random.randrange(2))

    def release(self, event: Event[EventData], done: DeployDone) -> None:
        """Most of what reaches staging is promoted; some is aborted, at any moment."""
        flow = next(flow for flow in self.flows if flow.flow_id == event.subject)
        if done.role is EnvironmentRole.STAGING:
            promoted = ReleasePromoted(flow=flow.ref, version="v")
            self.dice.inbox.append(flow.event(promoted))
        if self.random.random() < 0.3:
            self.abort(flow)

    def abort(self, flow: Flow) -> None:
        self.stopped.add(flow.flow_id)
        self.dice.inbox.append(flow.event(FlowAborted(reason="no good")))

    def execute(self, requested: JobRequested) -> None:
        """A job runs once, however often it is asked for; some deploy commands fail."""
        job = requested.job
        if job.job_id not in self.executed:
            self.world.runner.fails = set()
            if self.random.random() < 0.1:
                self.world.runner.fails.add((job.component or "", "deploy"))
            self.executed[job.job_id] = self.world.finished(self.world.runner(job), job)
            self.dice.inbox.append(self.executed[job.job_id])

    def holder_now(self, environment: str) -> str:
        stored = self.store.items.get(environment_key(FORGE, REPOSITORY, environment))
        holder = stored.record.holder if stored else None
        return holder.deployment_id if holder else ""

    def run(self, *, sweeps: float = 0) -> None:
        if self.random.random() < 0.3:
            self.abort(self.random.choice(self.flows))
        while self.dice.roll():
            if self.random.random() < sweeps:
                self.world.clock.advance(minutes=self.random.choice([2, 10, 40]))
                self.sweep()
        if not sweeps:
            self.check_ended()  # messages alone are enough; the sweeper only helps out
        for _ in range(20):
            self.world.clock.advance(minutes=20)
            self.sweep()
            while self.dice.roll():
                pass

    def sweep(self) -> None:
        self.world.delivered = len(self.world.publisher.said)
        self.world.sweep()

    def check(self) -> None:
        """Nothing is left over, and what is written down is what runs."""
        self.check_ended()
        for environment in ENVIRONMENTS:
            unknown = self.unknown(environment)
            written = {
                name: place.current
                for name, place in self.world.environment(environment).components.items()
                if place.current and name not in unknown
            }
            runs = {name: current.version for name, current in written.items()}
            really = self.world.running.of(environment)
            assert {name: really[name] for name in really if name not in unknown} == runs
            assert self.stopped.isdisjoint(current.flow_id for current in written.values())

    def check_ended(self) -> None:
        """Nobody waits, and nobody has anything left to say."""
        for key, stored in self.store.items.items():
            assert not stored.pending, f"{key} has something left to say"
        for flow in self.flows:
            for environment in ENVIRONMENTS:
                known = self.world.deployment(flow, environment)
                assert known is None or known.state in SETTLED
        for environment in ENVIRONMENTS:
            place = self.world.environment(environment)
            assert (place.holder, place.waiting) == (None, ())
        self.check_told()

    def unknown(self, environment: str) -> set[str]:
        """Components of which the deployer says that it does not know what runs."""
        known = [self.world.deployment(flow, environment) for flow in self.flows]
        steps = [step for deployment in known if deployment for step in deployment.steps]
        return {step.name for step in steps if step.undo is StepState.FAILED}

    def check_told(self) -> None:
        """Each outcome is one event, however often it was said."""
        for kind in (DeployDone, RolledBack):
            said = [event for event in self.world.publisher.said if isinstance(event.data, kind)]
            deployments = {event.data.deployment_id for event in said}  # type: ignore[attr-defined]  # both have one
            assert len({event.id for event in said}) == len(deployments)


CHUNK = 20


def courses(chunk: int, mode: EnvironmentMode, drivers: str, sweeps: float = 0) -> None:
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        course = Course(seed, mode, drivers)
        try:
            course.run(sweeps=sweeps)
            course.check()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.parametrize("mode", [EnvironmentMode.QUEUE, EnvironmentMode.SUPERSEDE])
@pytest.mark.parametrize("chunk", range(5))
def test_deployments_at_the_same_time_never_write_to_one_environment(
    chunk: int, mode: EnvironmentMode
) -> None:
    courses(chunk, mode, "mixed")


@pytest.mark.parametrize("mode", [EnvironmentMode.QUEUE, EnvironmentMode.SUPERSEDE])
@pytest.mark.parametrize("chunk", range(3))
def test_nor_do_they_when_steps_are_given_up_while_they_are_under_way(
    chunk: int, mode: EnvironmentMode
) -> None:
    courses(chunk, mode, "lambda", sweeps=0.02)


@pytest.mark.parametrize("chunk", range(2))
def test_in_parallel_mode_all_of_it_ends_too(chunk: int) -> None:
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        course = Course(seed, EnvironmentMode.PARALLEL)
        course.run()
        course.check_ended()
