"""Values for tests, with defaults: a test names only what it is about."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from penstock_shared.contracts.change import Change, Forge, Intent, Trust
from penstock_shared.contracts.event import Event, EventData, make_event
from penstock_shared.contracts.events import DeployDone, EnvironmentRole, FlowRef, JobFinished
from penstock_shared.contracts.jobs import Checkout, JobOutput, JobResult, JobState
from penstock_shared.contracts.plan import (
    EnvironmentMode,
    GateReport,
    Minimums,
    ObjectRef,
    Plan,
    PlannedComponent,
    PlannedEnvironment,
    PlannedGate,
    PlannedRelease,
    ReportKind,
)
from penstock_shared.decisions import Cause
from penstock_shared.observability import Telemetry
from penstock_shared.proofs import JobProofs
from penstock_shared.results import BelievedResults
from penstock_shared.tracing import new_traceparent

D = TypeVar("D", bound=EventData)

FLOW_ID = "0123456789abcdef0123"
OTHER_FLOW_ID = "f" * 20
SHA = "a" * 40
BEFORE = "b" * 40
SNAPSHOT = ObjectRef(key="snapshots/release/tree.tar.gz", sha256="e" * 64, size=1)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


PROOFS = JobProofs(b"the key of a service in tests")
BELIEVED = BelievedResults(PROOFS, Telemetry("test"))


def a_cause(flow_id: str = FLOW_ID, hop: int = 0) -> Cause:
    return Cause(flow_id, new_traceparent(flow_id, NOW), hop)


def a_change(**given: Any) -> Change:
    return Change(
        **{
            "repository": "acme/shop",
            "ref": "refs/heads/main",
            "before": BEFORE,
            "sha": SHA,
            "author": "Ada",
            "message": "Sell more",
            "clone_url": "file:///srv/shop.git",
            "pushed_at": NOW,
            **given,
        }
    )


def a_flow_ref(**given: Any) -> FlowRef:
    return FlowRef(
        **{
            "repository": "acme/shop",
            "ref": "refs/heads/main",
            "sha": SHA,
            "trust": Trust.RELEASE,
            "intent": Intent.RELEASE,
            "started_at": NOW,
            "plan": ObjectRef(key="plans/x.json", sha256="0" * 64),
            **given,
        }
    )


def a_checkout(**given: Any) -> Checkout:
    return Checkout(
        **{
            "snapshot": SNAPSHOT,
            "forge": Forge.GITHUB,
            "repository": "acme/shop",
            "ref": "refs/heads/main",
            "before": BEFORE,
            "sha": SHA,
            "committed_at": NOW,
            **given,
        }
    )


def a_component(name: str = "orders", **given: Any) -> PlannedComponent:
    return PlannedComponent(**{"name": name, "path": name, "key": f"key-of-{name}", **given})


def a_gate(name: str = "unit", component: str | None = "orders", **given: Any) -> PlannedGate:
    key = f"key-of-{name}-{component}"
    return PlannedGate(
        **{"name": name, "component": component, "key": key, "run": "pytest", **given}
    )


def covered_gate(minimum: float) -> PlannedGate:
    """A gate that leaves a coverage report and fails below the minimum."""
    report = GateReport(kind=ReportKind.COBERTURA, path="coverage.xml")
    return a_gate("unit", reports=(report,), minimums=Minimums(coverage=minimum))


def an_environment(name: str = "staging", **given: Any) -> PlannedEnvironment:
    mode = EnvironmentMode.SUPERSEDE
    return PlannedEnvironment(**{"name": name, "stage": name, "mode": mode, **given})


def a_release(**given: Any) -> PlannedRelease:
    return PlannedRelease(
        **{
            "version": "2026.01.02-aaaaaaa",
            "staging": an_environment("staging"),
            "production": an_environment("production"),
            "bake": 60,
            **given,
        }
    )


def a_plan(flow_id: str = FLOW_ID, **given: Any) -> Plan:
    return Plan(
        **{
            "flow_id": flow_id,
            "change": a_change(),
            "trust": Trust.RELEASE,
            "intent": Intent.RELEASE,
            "started_at": NOW,
            "snapshot": SNAPSHOT,
            "tree": "c" * 40,
            "committed_at": NOW,
            "components": (a_component(),),
            "gates": (a_gate(),),
            "release": a_release(),
            **given,
        }
    )


def a_result(job_id: str = "1" * 20, **given: Any) -> JobResult:
    return JobResult(
        **{
            "job_id": job_id,
            "trust": Trust.RELEASE,
            "owner": "build",
            "record": FLOW_ID,
            "name": "build",
            "component": "orders",
            "state": JobState.SUCCEEDED,
            "exit_code": 0,
            "started_at": NOW,
            "finished_at": NOW,
            "command": "make",
            **given,
        }
    )


def finished(result: JobResult, flow_id: str = FLOW_ID) -> JobFinished:
    """A result with its job's proof, as a runner sends it that was given the job."""
    proof = PROOFS.proof_of(flow_id, result.job_id, result.trust)
    return JobFinished(result=result, proof=proof)


def an_output(name: str, key: str) -> JobOutput:
    return JobOutput(name=name, key=key, sha256="d" * 64, size=123)


def a_deploy_done(**given: Any) -> DeployDone:
    return DeployDone(
        **{
            "flow": a_flow_ref(),
            "deployment_id": f"{FLOW_ID}.staging",
            "environment": "staging",
            "role": EnvironmentRole.STAGING,
            "token": 1,
            "started_at": NOW,
            "outcomes": (),
            **given,
        }
    )


def an_event(data: D, flow_id: str = FLOW_ID, hop: int = 1) -> Event[D]:
    """An event, decoded as a consumer does."""
    return make_event(
        data,
        flow_id=flow_id,
        source="penstock/test",
        time=NOW,
        traceparent=a_cause().traceparent,
        hop=hop,
    )
