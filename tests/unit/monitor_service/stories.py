"""Flows as the events that tell them, second by second."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from penstock_shared.contracts.change import Intent
from penstock_shared.contracts.event import Event, EventData, make_event
from penstock_shared.contracts.events import (
    BakeStarted,
    BuildCompleted,
    BuildRequested,
    DeployedComponent,
    EnvironmentRole,
    FlowFailed,
    FlowStopped,
    JobFinished,
    JobStarted,
    Phase,
    ReleasePromoted,
    RolledBack,
    TestsPassed,
    outcomes_of,
)
from penstock_shared.contracts.jobs import JobState
from penstock_shared.identifiers import job_id_for
from penstock_shared.proofs import JobProofs
from penstock_shared.tracing import new_traceparent
from tests.support.builders import (
    FLOW_ID,
    NOW,
    a_change,
    a_deploy_done,
    a_flow_ref,
    a_result,
)

VERSION = "2026.01.02-aaaaaaa"


def at(seconds: float) -> datetime:
    """So many seconds after a story began."""
    return NOW + timedelta(seconds=seconds)


PROOF_SECRET = "the secret of proofs"  # of these tests


@dataclass
class Story:
    """One flow. Every method says one thing and moves the clock on by one second."""

    flow_id: str = FLOW_ID
    intent: Intent = Intent.RELEASE
    start: datetime = NOW
    change: dict[str, Any] = field(default_factory=dict)
    ref: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0
    events: list[Event[EventData]] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def wait(self, seconds: float) -> "Story":
        self.seconds += seconds
        return self

    def says(self, data: EventData) -> "Story":
        self.events.append(
            make_event(
                data,
                flow_id=self.flow_id,
                source="penstock/test",
                time=self.now,
                traceparent=new_traceparent(self.flow_id, self.start),
                hop=1,
            )
        )
        return self.wait(1)

    def flow(self) -> Any:
        about = {
            key: self.change[key] for key in ("repository", "ref", "sha") if key in self.change
        }
        return a_flow_ref(intent=self.intent, started_at=self.start, **about, **self.ref)

    def requested(self) -> "Story":
        return self.says(BuildRequested(change=a_change(**self.change)))

    def built(self) -> "Story":
        return self.says(BuildCompleted(flow=self.flow()))

    def tested(self, *reused: int) -> "Story":
        return self.says(TestsPassed(flow=self.flow(), reused=reused))

    def deployed(self, role: str = "staging", *components: DeployedComponent) -> "Story":
        return self.says(
            a_deploy_done(
                flow=self.flow(),
                deployment_id=f"{self.flow_id}.{role}",
                environment=role,
                role=EnvironmentRole(role),
                started_at=self.now - timedelta(seconds=0.5),
                outcomes=outcomes_of(components),
            )
        )

    def bakes(self, seconds: float = 60) -> "Story":
        return self.says(
            BakeStarted(version=VERSION, deadline=self.now + timedelta(seconds=seconds))
        )

    def promoted(self, by: str = "") -> "Story":
        return self.says(ReleasePromoted(flow=self.flow(), version=VERSION, by=by))

    def stopped(self, how: type[FlowStopped], reason: str, **given: Any) -> "Story":
        return self.says(how(reason=reason, **given))

    def rolled_back(
        self, role: str = "staging", *components: DeployedComponent, reason: str = ""
    ) -> "Story":
        return self.says(
            RolledBack(
                deployment_id=f"{self.flow_id}.{role}",
                environment=role,
                role=EnvironmentRole(role),
                outcomes=outcomes_of(components),
                reason=reason,
            )
        )

    def job(self, owner: str, name: str, component: str | None = "orders", **given: Any) -> "Story":
        """A job that began half a second ago and has ended."""
        result = self.result(owner, name, component, **given)
        proofs = JobProofs.of(PROOF_SECRET, owner)
        proof = proofs.proof_of(self.flow_id, result.job_id, result.trust)
        return self.says(JobFinished(result=result, proof=proof))

    def job_begins(
        self, owner: str, name: str, component: str = "orders", attempt: int = 1
    ) -> "Story":
        return self.says(self.started(owner, name, component, attempt=attempt))

    def started(
        self, owner: str, name: str, component: str = "orders", *, attempt: int = 1, **given: Any
    ) -> JobStarted:
        job_id = self.job_id(owner, name, component)
        return JobStarted(
            job_id=job_id,
            owner=owner,
            name=name,
            component=component,
            attempt=attempt,
            started_at=self.now,
            log_stream=f"{job_id}/{attempt}",
            **given,
        )

    def job_id(
        self, owner: str, name: str, component: str | None = "orders", tried: int = 1
    ) -> str:
        tries = [str(tried)] if tried > 1 else []
        return job_id_for(self.flow_id, owner, name, component or "", *tries)

    def result(self, owner: str, name: str, component: str | None = "orders", **given: Any) -> Any:
        job_id = self.job_id(owner, name, component, given.pop("tried", 1))
        attempt = given.get("attempt", 1)
        return a_result(
            job_id,
            **{
                "owner": owner,
                "name": name,
                "component": component,
                "record": self.flow_id,
                "started_at": self.now - timedelta(seconds=0.5),
                "finished_at": self.now,
                "log_stream": f"{job_id}/{attempt}",
                **given,
            },
        )


def there(name: str = "orders", version: str = "3", *, deployed: bool = True) -> DeployedComponent:
    reason = "its input changed" if deployed else "the environment runs it already"
    return DeployedComponent(name=name, version=version, deployed=deployed, reason=reason)


def to_staging() -> Story:
    """A release as far as its bake."""
    story = Story().requested().job("build", "build").built()
    story.job("test-runner", "lint").job("test-runner", "unit").tested(2)
    return story.deployed("staging", there(), there("catalog", "7", deployed=False)).bakes()


def to_production() -> Story:
    """A release all the way."""
    return to_staging().wait(60).promoted().deployed("production", there(version="2"))


def with_a_failing_gate() -> Story:
    """A release whose unit gate does not pass."""
    story = Story().requested().job("build", "build").built().job("test-runner", "lint")
    failed = story.result(
        "test-runner",
        "unit",
        state=JobState.FAILED,
        exit_code=1,
        command="pytest -q",
        tail="E   assert 3 == 4\n1 failed",
    )
    story.says(JobFinished(result=failed))
    reason = f"gate unit (orders) {failed.how_it_ended()}"
    return story.stopped(FlowFailed, reason, phase=Phase.TEST, job=failed)
