"""A test run: the gates of one flow, run as parallel jobs, and one verdict."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from penstock_shared.contracts.events import (
    FlowFailed,
    FlowRef,
    JobRequested,
    Stage,
    TestsPassed,
)
from penstock_shared.contracts.jobs import Job, JobResult, JobState
from penstock_shared.contracts.model import Contract
from penstock_shared.contracts.plan import PlannedGate
from penstock_shared.decisions import Change, Decision, Record, Refusal, already_done, stale

QUEUE_PATIENCE = timedelta(hours=1)
"""How long jobs may wait for a free runner, on top of what they may run."""


class RunState(StrEnum):
    """Where a test run stands."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    STOPPED = "stopped"


class GateRun(Contract):
    """One gate in a run: the job that is at it, and what is left to try should it fail."""

    gate: PlannedGate
    state: JobState = JobState.WAITING
    tries_left: int = 0
    tried: int = 1

    @property
    def label(self) -> str:
        """The gate as people name it, for example `unit (orders)`."""
        return label_of(self.gate)


class TestRun(Record):
    """The test run of one flow. One that was stopped before it was asked for has no flow."""

    __test__: ClassVar = False  # not a test class, whatever pytest thinks of its name
    transitions: ClassVar[Mapping[RunState, frozenset[RunState]]] = {
        RunState.RUNNING: frozenset({RunState.PASSED, RunState.FAILED, RunState.STOPPED}),
    }

    flow_id: str
    state: RunState
    flow: FlowRef | None = None
    gates: dict[str, GateRun] = {}
    """By the id of the job that is at it."""
    reused: tuple[int, ...] = ()
    reason: str = ""

    def finished(self, state: RunState, reason: str = "") -> "TestRun":
        """The run in a final state."""
        return self.model_copy(update={"state": state, "reason": reason, "deadline": None})


def label_of(gate: PlannedGate) -> str:
    """The gate as people name it, for example `unit (orders)`."""
    return f"{gate.name} ({gate.component})" if gate.component else gate.name


def begin(
    flow_id: str,
    flow: FlowRef,
    jobs: Sequence[tuple[PlannedGate, Job]],
    reused: Iterable[int],
    now: datetime,
) -> Change[TestRun]:
    """Run the gates that no earlier flow has passed; pass at once when there are none."""
    run = TestRun(
        flow_id=flow_id,
        state=RunState.RUNNING,
        flow=flow,
        gates={job.job_id: GateRun(gate=gate, tries_left=gate.retries) for gate, job in jobs},
        reused=tuple(reused),
    )
    if not jobs:
        return _pass(run)
    longest = timedelta(seconds=max(job.timeout for _gate, job in jobs))
    waiting = run.model_copy(update={"deadline": now + QUEUE_PATIENCE + longest})
    return Change(waiting, [JobRequested(job=job) for _gate, job in jobs])


def job_finished(run: TestRun | None, result: JobResult, again: Job | None) -> Decision[TestRun]:
    """A gate's job ended: pass, fail, or try it `again` where the gate may be retried."""
    refusal = _unexpected(run, result)
    if refusal or run is None:
        return refusal or stale("there is no such run")
    if result.state is JobState.SUCCEEDED:
        gates = run.gates | {result.job_id: _now(run.gates[result.job_id], result.state)}
        known = run.model_copy(update={"gates": gates})
        return _pass(known) if all(gate.state.final for gate in gates.values()) else Change(known)
    if may_retry(run, result) and again:
        return _retry(run, result, again)
    return _fail(run, result)


def may_retry(run: TestRun | None, result: JobResult) -> bool:
    """Whether a job that ended like this is worth another try."""
    gate = run.gates.get(result.job_id) if run else None
    return bool(gate and gate.tries_left > 0 and result.state is JobState.FAILED)


def stop(flow_id: str, run: TestRun | None, reason: str) -> Decision[TestRun]:
    """The flow was stopped. A run that is not there yet is marked, so that it never starts."""
    if run is None:
        return Change(TestRun(flow_id=flow_id, state=RunState.STOPPED, reason=reason))
    if run.state is not RunState.RUNNING:
        return already_done(f"the test run has {run.state}")
    return Change(run.finished(RunState.STOPPED, reason))


def overdue(run: TestRun | None, now: datetime) -> Decision[TestRun]:
    """The sweeper found the run waiting for too long."""
    if run is None or run.deadline is None or run.deadline > now:
        return already_done("not overdue")
    waiting = sorted(gate.label for gate in run.gates.values() if not gate.state.final)
    reason = f"gave up waiting for {', '.join(waiting)} at {now:%Y-%m-%d %H:%M:%S} UTC"
    return Change(
        run.finished(RunState.FAILED, reason), [FlowFailed(stage=Stage.TEST, reason=reason)]
    )


def _unexpected(run: TestRun | None, result: JobResult) -> Refusal | None:
    if run is None or result.job_id not in run.gates:
        return stale(f"job {result.job_id} is not, or no longer, of this run")
    if run.state is not RunState.RUNNING:
        return already_done(f"the test run has {run.state}")
    if run.gates[result.job_id].state.final:
        return already_done("this job's result is known")
    return None


def _now(gate: GateRun, state: JobState) -> GateRun:
    return gate.model_copy(update={"state": state})


def _retry(run: TestRun, result: JobResult, again: Job) -> Change[TestRun]:
    gates = dict(run.gates)
    gate = gates.pop(result.job_id)
    gates[again.job_id] = gate.model_copy(
        update={
            "state": JobState.WAITING,
            "tries_left": gate.tries_left - 1,
            "tried": gate.tried + 1,
        }
    )
    return Change(run.model_copy(update={"gates": gates}), [JobRequested(job=again)])


def _fail(run: TestRun, result: JobResult) -> Change[TestRun]:
    gate = run.gates[result.job_id]
    reason = f"gate {gate.label} {result.how_it_ended()}"
    failed = run.finished(RunState.FAILED, reason).model_copy(
        update={"gates": run.gates | {result.job_id: _now(gate, result.state)}}
    )
    return Change(failed, [FlowFailed(stage=Stage.TEST, reason=reason, job=result)])


def _pass(run: TestRun) -> Change[TestRun]:
    if run.flow is None:
        raise ValueError(f"test run {run.flow_id} has no flow")
    passed = run.finished(RunState.PASSED)
    return Change(passed, [TestsPassed(flow=run.flow, reused=run.reused)])
