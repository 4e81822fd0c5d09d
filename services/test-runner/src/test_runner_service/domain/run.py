"""A test run: the gates of one flow, run as parallel jobs, and one verdict."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, NamedTuple

from penstock_shared.contracts.event import EventData
from penstock_shared.contracts.events import (
    EnvironmentPassed,
    FlowFailed,
    FlowRef,
    GateProofs,
    GatesProven,
    Phase,
    TestsPassed,
)
from penstock_shared.contracts.jobs import Job, JobResult, JobState
from penstock_shared.contracts.plan import ObjectRef, Plan
from penstock_shared.contracts.positions import Positions
from penstock_shared.decisions import Decision, Record, Refusal, Write, already_done, stale
from penstock_shared.jobs import gate_job
from penstock_shared.proofs import JobProofs
from penstock_shared.turns import next_turns

QUEUE_PATIENCE = timedelta(hours=1)
"""How long jobs may wait for a free runner, in addition to their timeouts. It restarts whenever one
of them ends, because the others then wait for their turn."""
MOST_NAMES = 10
"""The most gates that a reason names."""
LONGEST_ENDING = 200
"""Characters of how one gate ended, in a reason that names several."""


MOST_PROOFS = 20
"""The most earlier flows that a run names as having proved its gates."""


class Proof(NamedTuple):
    """The earlier flow in which a gate passed, and its commit."""

    flow_id: str
    sha: str


class RunState(StrEnum):
    """Where a test run stands."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Recalled:
    """What earlier flows say of the gates of a plan, by position: those that are proven, and those
    that failed on the same inputs.
    """

    proven: Mapping[int, Proof] = field(default_factory=dict)
    doubted: frozenset[int] = frozenset()


class TestRun(Record):
    """The test run of one flow: of its gates, or of those that follow its deployment to
    `environment`. `flow` is None if it was stopped before its request came.

    Gates are named by their positions in the plan that `flow` points at. `asked` holds those whose
    turn has come, `passed` and `failed` those of them that have ended, and `reused` those that
    passed in an earlier flow. `blocked` holds those that never run, because a gate that they need
    has failed. `tries` holds the number of the current try of each gate that is beyond its first.
    `elsewhere` holds the gates of the plan that are another run's, and `environments` those that
    gates of other runs follow. `endings` says how the first gates that failed have ended, and
    `first_failure` is the job of the first one that may not fail. `made_with` holds those that have
    ended in this run, by the toolchain of their runner.
    """

    __test__: ClassVar = False  # pytest would take it for a test class by its name
    transitions: ClassVar[Mapping[RunState, frozenset[RunState]]] = {
        RunState.RUNNING: frozenset({RunState.PASSED, RunState.FAILED, RunState.STOPPED}),
    }

    flow_id: str
    state: RunState
    flow: FlowRef | None = None
    gates: int = 0
    asked: Positions = Positions()
    passed: Positions = Positions()
    failed: Positions = Positions()
    blocked: Positions = Positions()
    elsewhere: Positions = Positions()
    environment: str | None = None
    environments: tuple[str, ...] = ()
    reused: Positions = Positions()
    tries: dict[int, int] = {}
    endings: dict[int, str] = {}
    first_failure: JobResult | None = None
    made_with: dict[str, Positions] = {}
    reason: str = ""

    def tried(self, position: int) -> int:
        """The number of the current or last try."""
        return self.tries.get(position, 1)

    @property
    def ended(self) -> Positions:
        """The gates that are over: nothing more is asked for them."""
        return self.passed.with_these((*self.failed, *self.blocked, *self.elsewhere))

    @property
    def phase(self) -> Phase:
        """The phase of the flow that this is."""
        return Phase.STAGING if self.environment else Phase.TEST

    @property
    def proven(self) -> dict[str, list[int]]:
        """The gates that have passed in this run on their first try, by toolchain. What passed in
        an environment proves nothing: another content of the environment is another result.
        """
        if self.environment:
            return {}
        return {
            toolchain: [n for n in ended if n in self.passed and self.tried(n) == 1]
            for toolchain, ended in self.made_with.items()
        }

    def with_ending(self, result: JobResult) -> "TestRun":
        """The run that knows with which toolchain one more gate has ended."""
        others = {name: which for name, which in self.made_with.items() if name != result.toolchain}
        same = self.made_with.get(result.toolchain, Positions()).with_these([result.position])
        return self.model_copy(update={"made_with": {**others, result.toolchain: same}})

    def finished(self, state: RunState, reason: str = "") -> "TestRun":
        """The run in a final state."""
        return self.model_copy(update={"state": state, "reason": reason, "deadline": None})


def begin(
    flow: FlowRef,
    plan: Plan,
    recalled: Recalled,
    proofs: JobProofs,
    now: datetime,
    environment: str | None = None,
) -> Write[TestRun]:
    """Run the gates that did not pass in an earlier flow, or those that follow the deployment to an
    environment. Pass at once if there are none.
    """
    others = [number for number, gate in enumerate(plan.gates) if gate.after != environment]
    known = Positions.of(recalled.proven)
    says: list[EventData] = []
    if recalled.proven or recalled.doubted:
        doubted = Positions.of(recalled.doubted)
        says = [GatesProven(proofs=_by_flow(recalled.proven), doubted=doubted)]
    run = TestRun(
        flow_id=plan.flow_id,
        state=RunState.RUNNING,
        flow=flow,
        gates=len(plan.gates),
        asked=known,
        passed=known,
        reused=known,
        elsewhere=Positions.of(others),
        environment=environment,
        environments=() if environment else _environments(plan),
    )
    if len(run.ended) == run.gates:
        return _pass(run, says)
    return _ask(run, plan, says, proofs, now)


def _environments(plan: Plan) -> tuple[str, ...]:
    return tuple(dict.fromkeys(gate.after for gate in plan.gates if gate.after))


def _by_flow(proven: Mapping[int, Proof]) -> tuple[GateProofs, ...]:
    """The gates by the flow that proved them, those of the flow with most gates first."""
    groups: dict[Proof, list[int]] = {}
    for number, proof in proven.items():
        groups.setdefault(proof, []).append(number)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    named = [
        GateProofs(flow_id=proof.flow_id, sha=proof.sha, gates=Positions.of(numbers))
        for proof, numbers in ordered[:MOST_PROOFS]
    ]
    rest = [number for _, numbers in ordered[MOST_PROOFS:] for number in numbers]
    return (*named, GateProofs(gates=Positions.of(rest))) if rest else tuple(named)


def jobs_finished(
    run: TestRun, plan: Plan, results: Iterable[JobResult], proofs: JobProofs, now: datetime
) -> Decision[TestRun]:
    """Jobs of gates ended: retry gates, ask for others, and when all are over pass or fail.

    Every gate runs to its end, so that all failures are told at once; with `fail_fast` the first
    failure ends the run.
    """
    taken: TestRun | None = None
    says: list[EventData] = []
    refusal = stale("nothing has ended")
    for result in results:
        decision = _take(taken or run, plan, result, proofs)
        if isinstance(decision, Refusal):
            refusal = decision
            continue
        taken = decision.record
        says += decision.says
    if taken is None:
        return refusal
    return _go_on(_with_blocked(taken, plan), plan, says, proofs, now)


def stop(flow_id: str, run: TestRun | None, reason: str) -> Decision[TestRun]:
    """The flow was stopped. A run that does not exist yet is marked, so that it never starts."""
    if run is None:
        return Write(TestRun(flow_id=flow_id, state=RunState.STOPPED, reason=reason))
    if run.state is not RunState.RUNNING:
        return already_done(f"the test run has {run.state}")
    return Write(run.finished(RunState.STOPPED, reason))


def overdue(
    run: TestRun | None, plan_at: Callable[[ObjectRef], Plan], now: datetime
) -> Decision[TestRun]:
    """The run has waited for too long."""
    if run is None or run.flow is None or run.deadline is None or run.deadline > now:
        return already_done("not overdue")
    waited_for = _names(run, plan_at(run.flow.plan))
    reason = f"gave up waiting for {waited_for} at {now:%Y-%m-%d %H:%M:%S} UTC"
    return Write(
        run.finished(RunState.FAILED, reason), [FlowFailed(phase=run.phase, reason=reason)]
    )


def _go_on(
    run: TestRun, plan: Plan, says: list[EventData], proofs: JobProofs, now: datetime
) -> Write[TestRun]:
    over = len(run.ended) == run.gates
    if run.first_failure and (over or plan.fail_fast):
        return _fail(run, plan, run.first_failure)
    return _pass(run, says) if over else _ask(run, plan, says, proofs, now)


def _with_blocked(run: TestRun, plan: Plan) -> TestRun:
    """The run with the gates that cannot run any more, because one that they need did not pass."""
    lost = {*_counted(run, plan), *run.blocked}
    waiting = [n for n, gate in enumerate(plan.gates) if gate.needs and n not in run.asked]
    while found := [n for n in waiting if n not in lost and not lost.isdisjoint(_needs(plan, n))]:
        lost |= {*found}
    blocked = [n for n in waiting if n in lost]
    return run.model_copy(update={"blocked": run.blocked.with_these(blocked)}) if blocked else run


def _needs(plan: Plan, position: int) -> tuple[int, ...]:
    return plan.gates[position].needs


def _counted(run: TestRun, plan: Plan) -> list[int]:
    """The gates that have failed and may not."""
    return [number for number in run.failed if not plan.gates[number].allow_failure]


def _ask(
    run: TestRun, plan: Plan, says: list[EventData], proofs: JobProofs, now: datetime
) -> Write[TestRun]:
    """Ask for the jobs of the gates whose turn it is, in addition to what is said."""
    over = {*run.passed, *run.failed, *run.elsewhere}
    turns = next_turns(
        run.gates,
        run.asked.with_these((*run.blocked, *run.elsewhere)),
        run.ended,
        plan.jobs_at_once,
        lambda number: over.issuperset(_needs(plan, number)),
    )
    update = {"asked": run.asked.with_these(turns), "deadline": _deadline(plan, now)}
    jobs = (proofs.request(plan.flow_id, gate_job(plan, number)) for number in turns)
    return Write(run.model_copy(update=update), [*says, *jobs])


def _names(run: TestRun, plan: Plan) -> str:
    waiting = [gate.label for number, gate in enumerate(plan.gates) if number not in run.ended]
    more = [f"{len(waiting) - MOST_NAMES:,} more"] if len(waiting) > MOST_NAMES else []
    return ", ".join(waiting[:MOST_NAMES] + more)


def job_of(run: TestRun, plan: Plan, result: JobResult) -> Job | None:
    """The job of the current try at the place of a result; None if there is no gate there."""
    position = result.position
    return gate_job(plan, position, run.tried(position)) if position < len(plan.gates) else None


def is_of(run: TestRun, plan: Plan, result: JobResult) -> bool:
    """Whether a result is of the current try of the gate at its place."""
    job = job_of(run, plan, result)
    return job is not None and job.job_id == result.job_id


def _take(run: TestRun, plan: Plan, result: JobResult, proofs: JobProofs) -> Decision[TestRun]:
    position = result.position
    refusal = _unexpected(run, plan, result)
    if refusal:
        return refusal
    if result.state is JobState.SUCCEEDED:
        passed = {"passed": run.passed.with_these([position])}
        return Write(run.with_ending(result).model_copy(update=passed))
    if result.state is JobState.FAILED and run.tried(position) <= plan.gates[position].retries:
        return _retry(run, plan, position, proofs)
    return _failed(run, plan, result)


def _unexpected(run: TestRun, plan: Plan, result: JobResult) -> Refusal | None:
    position = result.position
    if run.state is not RunState.RUNNING:
        return already_done(f"the test run has {run.state}")
    if not is_of(run, plan, result):
        return stale(f"job {result.job_id} is not, or no longer, of this run")
    if position in run.ended:
        return already_done("this job's result is known")
    return None


def _retry(run: TestRun, plan: Plan, position: int, proofs: JobProofs) -> Write[TestRun]:
    number = run.tried(position) + 1
    again = run.model_copy(update={"tries": run.tries | {position: number}})
    return Write(again, [proofs.request(plan.flow_id, gate_job(plan, position, number))])


def _failed(run: TestRun, plan: Plan, result: JobResult) -> Write[TestRun]:
    """The gate has failed for good, and is told of when all have ended."""
    position = result.position
    update: dict[str, object] = {"failed": run.failed.with_these([position])}
    if not plan.gates[position].allow_failure:
        update["first_failure"] = run.first_failure or result
        if len(run.endings) < MOST_NAMES:
            update["endings"] = run.endings | {position: result.how_it_ended()[:LONGEST_ENDING]}
    return Write(run.with_ending(result).model_copy(update=update))


def _fail(run: TestRun, plan: Plan, first: JobResult) -> Write[TestRun]:
    reason = _reason(run, plan, first)
    failed = run.finished(RunState.FAILED, reason)
    return Write(failed, [FlowFailed(phase=run.phase, reason=reason, job=first)])


def _reason(run: TestRun, plan: Plan, first: JobResult) -> str:
    count = len(_counted(run, plan))
    if count == 1:
        return f"gate {plan.gates[first.position].label} {first.how_it_ended()}"
    named = [f"{plan.gates[number].label} {how}" for number, how in sorted(run.endings.items())]
    more = [f"{count - len(named):,} more"] if count > len(named) else []
    return f"{count:,} gates failed: {'; '.join(named + more)}"


def _pass(run: TestRun, says: list[EventData]) -> Write[TestRun]:
    if run.flow is None:
        raise ValueError(f"test run {run.flow_id} has no flow")
    if run.environment:
        says = [*says, EnvironmentPassed(environment=run.environment)]
        return Write(run.finished(RunState.PASSED), says)
    passed = TestsPassed(flow=run.flow, reused=tuple(run.reused))
    return Write(run.finished(RunState.PASSED), [*says, passed])


def _deadline(plan: Plan, now: datetime) -> datetime:
    return now + QUEUE_PATIENCE + timedelta(seconds=max(gate.timeout for gate in plan.gates))
