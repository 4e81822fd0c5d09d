"""Gates run as parallel jobs, and give one verdict."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pytest

from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.events import (
    BuildCompleted,
    EnvironmentPassed,
    FlowAborted,
    FlowFailed,
    GateProofs,
    GatesProven,
    JobRequested,
    Phase,
    TestsPassed,
)
from penstock_shared.contracts.jobs import Job, JobResult, JobState
from penstock_shared.contracts.plan import Plan
from penstock_shared.contracts.positions import Positions
from penstock_shared.decisions import Outcome, Result, Write
from penstock_shared.errors import RefusedMessageError
from penstock_shared.persistence.outbox import Records
from penstock_shared.plans import Plans, plan_reference, store_plan
from penstock_shared.storage import ObjectStore
from penstock_shared.testing.fakes import FakeClock, InMemoryMemo, RecordingPublisher, fake_records
from test_runner_service.domain.run import RunState, TestRun, overdue
from test_runner_service.use_cases.record_job import RecordGateJob
from test_runner_service.use_cases.start_environment_run import StartEnvironmentRun
from test_runner_service.use_cases.start_run import StartRun
from test_runner_service.use_cases.stop_run import StopRun
from test_runner_service.use_cases.verdicts import verdict_keys
from tests.support.builders import (
    BELIEVED,
    FLOW_ID,
    OTHER_FLOW_ID,
    PROOFS,
    SHA,
    a_cause,
    a_change,
    a_deploy_done,
    a_flow_ref,
    a_gate,
    a_plan,
    a_result,
    an_event,
    an_output,
    covered_gate,
    finished,
)
from tests.support.objects import a_bucket

LINT, UNIT = a_gate("lint"), a_gate("unit")


@dataclass
class FakeTestRunner:
    """The test-runner service with everything outside of it in memory."""

    clock: FakeClock = field(default_factory=FakeClock)
    objects: ObjectStore = field(default_factory=a_bucket)
    verdicts: InMemoryMemo = field(default_factory=InMemoryMemo)

    def __post_init__(self) -> None:
        self.records: Records[TestRun] = fake_records(clock=self.clock)
        self.plans = Plans(self.objects)

    def start(self, *gates: Any, flow_id: str = FLOW_ID) -> Outcome[TestRun]:
        plan = a_plan(flow_id, gates=gates)
        store_plan(self.objects, plan)
        return self.start_with(plan)

    def start_with(self, plan: Plan) -> Outcome[TestRun]:
        completed = BuildCompleted(flow=a_flow_ref(plan=plan_reference(plan)))
        start = StartRun(self.records, self.plans, self.verdicts, PROOFS, self.clock)
        return start(an_event(completed, plan.flow_id), a_cause(plan.flow_id))

    def finish(self, *jobs: Job, **given: Any) -> Outcome[TestRun]:
        return self.take_in(*(result_of(job, **given) for job in jobs))

    def take_in(self, *results: JobResult) -> Outcome[TestRun]:
        record = RecordGateJob(
            self.records, self.objects, self.plans, self.verdicts, BELIEVED, self.clock
        )
        flow_id = results[0].record.partition(".")[0]
        events = [an_event(finished(result, flow_id), flow_id) for result in results]
        return record(events, a_cause(flow_id))

    def jobs(self) -> list[Job]:
        return [request.job for request in self.said.only(JobRequested)]

    @property
    def said(self) -> RecordingPublisher:
        assert isinstance(self.records.publisher, RecordingPublisher)
        return self.records.publisher


def result_of(job: Job, **given: Any) -> JobResult:
    outputs = tuple(an_output(upload.name, upload.key) for upload in job.outputs)
    about: dict[str, Any] = {"record": job.record, "position": job.position, "name": job.name}
    about |= {"component": job.component, "trust": job.trust, "outputs": outputs}
    return a_result(job.job_id, **about | given)


@pytest.fixture
def fake() -> FakeTestRunner:
    return FakeTestRunner()


def test_all_gates_are_asked_for_at_once(fake: FakeTestRunner) -> None:
    fake.start(LINT, UNIT)

    assert [job.name for job in fake.jobs()] == ["lint", "unit"]
    assert all(job.owner == "test-runner" for job in fake.jobs())


def test_of_many_gates_some_wait_until_others_have_ended(fake: FakeTestRunner) -> None:
    gates = [a_gate(f"gate-{number}") for number in range(200)]
    fake.start(*gates)
    assert len(fake.jobs()) == 64

    finished = 0
    while finished < len(fake.jobs()):
        job = fake.jobs()[finished]
        finished += 1
        fake.finish(job)
        assert len(fake.jobs()) - finished <= 64

    assert sorted(job.position for job in fake.jobs()) == list(range(200))
    assert len(fake.said.only(TestsPassed)) == 1


def test_a_stopped_run_asks_for_no_more_gates(fake: FakeTestRunner) -> None:
    fake.start(*(a_gate(f"gate-{number}") for number in range(200)))
    stop = StopRun(fake.records, fake.plans, fake.verdicts)

    stop(an_event(FlowAborted(reason="no")), a_cause())
    fake.finish(*fake.jobs()[:32])

    assert len(fake.jobs()) == 64


def test_the_verdict_is_given_once_when_the_last_gate_has_passed(fake: FakeTestRunner) -> None:
    fake.start(LINT, UNIT)
    lint, unit = fake.jobs()

    fake.finish(unit)
    assert fake.said.only(TestsPassed) == []
    fake.finish(lint)
    fake.finish(lint)

    assert len(fake.said.only(TestsPassed)) == 1


def test_results_that_come_at_once_give_one_verdict(fake: FakeTestRunner) -> None:
    gates = [a_gate(f"gate-{number}") for number in range(12)]
    fake.start(*gates)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(fake.finish, fake.jobs()))

    assert {event.type for event in fake.said.said} == {"job-requested", "tests-passed"}
    assert len({event.id for event in fake.said.said if event.type == "tests-passed"}) == 1


def test_a_gate_that_fails_stops_the_flow_with_its_job_once_all_have_ended(
    fake: FakeTestRunner,
) -> None:
    fake.start(LINT, UNIT)
    lint, unit = fake.jobs()

    fake.finish(unit, state=JobState.FAILED, exit_code=1, tail="1 failed")
    assert fake.said.only(FlowFailed) == []
    fake.finish(lint)

    failed = fake.said.only(FlowFailed)[0]
    assert failed.reason == "gate unit (orders) failed with exit code 1"
    assert failed.job
    assert failed.job.tail == "1 failed"
    assert fake.said.only(TestsPassed) == []


def test_a_plan_without_gates_passes_at_once(fake: FakeTestRunner) -> None:
    fake.start()

    assert len(fake.said.only(TestsPassed)) == 1


def test_a_gate_that_passed_on_the_same_inputs_is_not_run_again(fake: FakeTestRunner) -> None:
    fake.start(LINT, UNIT)
    for job in fake.jobs():
        fake.finish(job)

    fake.start(LINT, a_gate("unit", key="other inputs"), flow_id=OTHER_FLOW_ID)

    again = [job.name for job in fake.jobs() if job.record == OTHER_FLOW_ID]
    assert again == ["unit"]
    record = fake.records.get(OTHER_FLOW_ID)
    assert record
    assert list(record.reused) == [0]


def test_known_gates_are_answered_before_the_others_have_run(fake: FakeTestRunner) -> None:
    fake.start(LINT, UNIT)
    fake.finish(*fake.jobs())
    assert fake.said.only(GatesProven) == []

    fake.start(LINT, a_gate("unit", key="other inputs"), flow_id=OTHER_FLOW_ID)

    (proven,) = fake.said.only(GatesProven)
    assert proven.proofs == (GateProofs(flow_id=FLOW_ID, sha=SHA, gates=Positions.of([0])),)
    assert len(fake.said.only(TestsPassed)) == 1


def test_of_many_flows_that_proved_gates_some_are_named(fake: FakeTestRunner) -> None:
    gates = [a_gate(f"gate-{number}") for number in range(1_500)]
    for number, gate in enumerate(gates):
        (key,) = verdict_keys(a_change(), gate)
        proof = {key: {"flow_id": f"{number % 100:020x}", "sha": SHA}}
        fake.verdicts.remember(Trust.RELEASE, proof)

    fake.start(*gates)

    (proven,) = fake.said.only(GatesProven)
    assert len(proven.proofs) == 21
    assert proven.proofs[-1].flow_id == ""
    assert sorted(n for proof in proven.proofs for n in proof.gates) == list(range(1_500))
    assert len(proven.model_dump_json()) < 12_000


def test_a_fresh_flow_uses_no_verdict(fake: FakeTestRunner) -> None:
    fake.start(UNIT)
    fake.finish(*fake.jobs())

    plan = a_plan(OTHER_FLOW_ID, gates=(UNIT,), change=a_change(fresh=True))
    store_plan(fake.objects, plan)
    fake.start_with(plan)

    assert len(fake.jobs()) == 2


def test_a_gate_that_failed_on_the_same_inputs_runs_and_is_doubted(fake: FakeTestRunner) -> None:
    fake.start(UNIT)
    fake.finish(*fake.jobs(), state=JobState.FAILED, exit_code=1)

    fake.start(UNIT, flow_id=OTHER_FLOW_ID)

    (proven,) = fake.said.only(GatesProven)
    assert (proven.proofs, list(proven.doubted)) == ((), [0])
    assert len(fake.jobs()) == 2


def test_a_failure_is_never_remembered(fake: FakeTestRunner) -> None:
    fake.start(UNIT)
    fake.finish(fake.jobs()[0], state=JobState.FAILED, exit_code=1)

    fake.start(UNIT, flow_id=OTHER_FLOW_ID)

    assert len(fake.jobs()) == 2


def test_a_gate_with_retries_is_tried_again_and_may_pass(fake: FakeTestRunner) -> None:
    fake.start(a_gate("unit", retries=1))
    first = fake.jobs()[0]

    fake.finish(first, state=JobState.FAILED, exit_code=1)
    second = fake.jobs()[1]
    assert second.job_id != first.job_id
    fake.finish(second)

    assert len(fake.said.only(TestsPassed)) == 1
    assert fake.verdicts.answers == {}, "a gate that flips proves nothing for later"


def test_a_gate_is_not_tried_more_often_than_it_says(fake: FakeTestRunner) -> None:
    fake.start(a_gate("unit", retries=1))
    for number in (0, 1):
        fake.finish(fake.jobs()[number], state=JobState.FAILED, exit_code=1)

    assert len(fake.jobs()) == 2
    assert len(fake.said.only(FlowFailed)) == 1


def test_a_first_try_that_reports_late_changes_nothing(fake: FakeTestRunner) -> None:
    fake.start(a_gate("unit", retries=1))
    first = fake.jobs()[0]
    fake.finish(first, state=JobState.FAILED, exit_code=1)

    assert fake.finish(first).result is Result.STALE


COVERED = covered_gate(80)


def finish_with_coverage(fake: FakeTestRunner, report: str) -> None:
    fake.start(COVERED)
    job = fake.jobs()[0]
    upload = next(upload for upload in job.outputs if upload.path == "coverage.xml")
    fake.objects.put(upload.key, report.encode())
    left = an_output(upload.name, upload.key)
    digest = sha256(report.encode()).hexdigest()
    fake.finish(job, outputs=(left.model_copy(update={"sha256": digest}),))


def test_enough_coverage_passes(fake: FakeTestRunner) -> None:
    finish_with_coverage(fake, '<coverage line-rate="0.8"/>')

    assert len(fake.said.only(TestsPassed)) == 1


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        ('<coverage line-rate="0.795"/>', "coverage is 79.5 %, the minimum is 80 %"),
        ("<coverage", "coverage.xml is no Cobertura coverage report"),
        ("<coverage/>", "coverage.xml is no Cobertura coverage report"),
        (
            (
                '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><coverage line-rate="1">&b;'
                "</coverage>"
            ),
            "coverage.xml is no Cobertura coverage report",
        ),
    ],
)
def test_too_little_coverage_or_a_report_that_is_none_fails_the_gate(
    fake: FakeTestRunner, report: str, reason: str
) -> None:
    finish_with_coverage(fake, report)

    assert reason in fake.said.only(FlowFailed)[0].reason
    assert [answer.get("failed") for answer in fake.verdicts.answers.values()] == [True]


def test_a_coverage_report_that_was_not_left_fails_the_gate(fake: FakeTestRunner) -> None:
    fake.start(COVERED)
    fake.finish(fake.jobs()[0], outputs=())

    assert "it left no coverage.xml" in fake.said.only(FlowFailed)[0].reason


def test_a_stop_ends_the_run(fake: FakeTestRunner) -> None:
    fake.start(UNIT)
    StopRun(fake.records, fake.plans, fake.verdicts)(an_event(FlowAborted(reason="no")), a_cause())

    assert fake.finish(fake.jobs()[0]).result is Result.ALREADY_DONE
    assert fake.said.only(TestsPassed) == []


def test_a_stop_that_comes_first_keeps_the_run_from_starting(fake: FakeTestRunner) -> None:
    StopRun(fake.records, fake.plans, fake.verdicts)(an_event(FlowAborted(reason="no")), a_cause())

    assert fake.start(UNIT).result is Result.ALREADY_DONE
    assert fake.jobs() == []


def test_a_plan_that_is_not_the_one_meant_is_refused(fake: FakeTestRunner) -> None:
    plan = a_plan()
    fake.objects.put(plan_reference(plan).key, b'{"another": "plan"}')

    with pytest.raises(RefusedMessageError, match="is not the one that was meant"):
        fake.start_with(plan)


def test_a_run_that_nobody_answers_fails_with_the_gates_it_waited_for(fake: FakeTestRunner) -> None:
    fake.start(LINT, UNIT)
    fake.finish(fake.jobs()[0])
    fake.clock.advance(hours=3)

    decision = overdue(fake.records.get(FLOW_ID), fake.plans.load, fake.clock())

    assert isinstance(decision, Write)
    assert decision.record.state is RunState.FAILED
    assert "waiting for unit (orders)" in decision.record.reason


def test_results_of_one_batch_are_one_write(fake: FakeTestRunner) -> None:
    fake.start(*(a_gate(f"gate-{number}") for number in range(12)))

    fake.finish(*fake.jobs())

    stored = fake.records.store.get(FLOW_ID)
    assert stored
    assert (stored.version, stored.record.state) == (2, RunState.PASSED)
    assert len(fake.verdicts.answers) == 12


def test_all_failures_are_told_at_once(fake: FakeTestRunner) -> None:
    fake.start(a_gate("types"), UNIT, LINT)
    types, unit, lint = fake.jobs()

    fake.take_in(
        result_of(lint),
        result_of(types, state=JobState.TIMED_OUT, exit_code=None),
        result_of(unit, state=JobState.FAILED, exit_code=2),
    )

    (failed,) = fake.said.only(FlowFailed)
    assert failed.reason == (
        "2 gates failed: types (orders) timed-out; unit (orders) failed with exit code 2"
    )
    assert failed.job
    assert failed.job.job_id == types.job_id


def test_of_many_failures_some_are_named_and_the_rest_counted(fake: FakeTestRunner) -> None:
    fake.start(*(a_gate(f"gate-{number}", run="x" * 9_000) for number in range(64)))

    fake.finish(*fake.jobs(), state=JobState.FAILED, exit_code=1, tail="x" * 4_000)

    reason = fake.said.only(FlowFailed)[0].reason
    assert reason.startswith("64 gates failed: gate-0 (orders) failed with exit code 1; ")
    assert reason.endswith("; 54 more")
    known = fake.records.get(FLOW_ID)
    assert known
    assert len(known.model_dump_json()) < 8_000


def test_with_fail_fast_the_first_failure_ends_the_run(fake: FakeTestRunner) -> None:
    plan = a_plan(gates=(a_gate("flaky", retries=1), UNIT, LINT), fail_fast=True)
    store_plan(fake.objects, plan)
    fake.start_with(plan)
    flaky, unit, lint = fake.jobs()

    fake.take_in(
        result_of(lint),
        result_of(flaky, state=JobState.FAILED, exit_code=1),
        result_of(unit, state=JobState.FAILED, exit_code=2),
    )

    assert len(fake.jobs()) == 3
    assert [failed.reason for failed in fake.said.only(FlowFailed)] == [
        "gate unit (orders) failed with exit code 2"
    ]


def test_a_gate_that_may_fail_stops_nothing(fake: FakeTestRunner) -> None:
    fake.start(a_gate("audit", allow_failure=True), UNIT)
    audit, unit = fake.jobs()

    fake.finish(unit)
    fake.finish(audit, state=JobState.FAILED, exit_code=1)

    assert len(fake.said.only(TestsPassed)) == 1
    answers = fake.verdicts.answers
    assert [key for (_, key), answer in answers.items() if "failed" not in answer] == [
        *verdict_keys(a_change(), UNIT)
    ]


def test_a_gate_waits_for_those_that_it_needs(fake: FakeTestRunner) -> None:
    fake.start(a_gate("system", needs=(1, 2)), LINT, UNIT)
    lint, unit = fake.jobs()

    fake.finish(lint)
    assert len(fake.jobs()) == 2
    fake.finish(unit)

    system = fake.jobs()[2]
    assert system.name == "system"
    fake.finish(system)
    assert len(fake.said.only(TestsPassed)) == 1


def test_a_gate_that_may_fail_lets_those_go_on_that_need_it(fake: FakeTestRunner) -> None:
    fake.start(a_gate("audit", allow_failure=True), a_gate("unit", needs=(0,)))

    fake.finish(fake.jobs()[0], state=JobState.FAILED, exit_code=1)

    assert [job.name for job in fake.jobs()] == ["audit", "unit"]


def test_what_needs_a_gate_that_failed_is_not_run(fake: FakeTestRunner) -> None:
    fake.start(a_gate("unit"), a_gate("system", needs=(0,)), a_gate("load", needs=(1,)), LINT)
    unit, lint = fake.jobs()

    fake.finish(unit, state=JobState.FAILED, exit_code=1)
    assert fake.said.only(FlowFailed) == []
    fake.finish(lint)

    assert len(fake.jobs()) == 2
    assert [failed.reason for failed in fake.said.only(FlowFailed)] == [
        "gate unit (orders) failed with exit code 1"
    ]


def test_a_gate_whose_paths_have_not_changed_is_known(fake: FakeTestRunner) -> None:
    fake.start(a_gate("unit", paths_key="these paths"))
    fake.finish(fake.jobs()[0])

    fake.start(a_gate("unit", key="other inputs", paths_key="these paths"), flow_id=OTHER_FLOW_ID)

    assert len(fake.jobs()) == 1
    assert len(fake.said.only(TestsPassed)) == 2


def test_what_a_gate_leaves_for_people_need_not_be_there(fake: FakeTestRunner) -> None:
    fake.start(a_gate("unit", artifacts=("shots.zip",)))
    (job,) = fake.jobs()

    assert [(upload.path, upload.required) for upload in job.outputs] == [("shots.zip", False)]
    fake.finish(job, outputs=())
    assert len(fake.said.only(TestsPassed)) == 1


def test_a_batch_may_hold_what_is_known_and_what_is_not_of_the_run(fake: FakeTestRunner) -> None:
    fake.start(LINT, UNIT)
    lint, unit = fake.jobs()
    fake.finish(lint)

    stranger = a_result("9" * 20, position=7)
    outcome = fake.take_in(result_of(lint), stranger, result_of(unit))

    assert outcome.applied
    assert len(fake.said.only(TestsPassed)) == 1


def test_gates_that_wait_their_turn_are_not_overdue_while_others_end(fake: FakeTestRunner) -> None:
    fake.start(LINT, UNIT)
    fake.clock.advance(minutes=50)
    fake.finish(fake.jobs()[0])
    fake.clock.advance(minutes=50)

    known = fake.records.get(FLOW_ID)
    assert not isinstance(overdue(known, fake.plans.load, fake.clock()), Write)


def test_a_run_of_many_gates_stays_small(fake: FakeTestRunner) -> None:
    fake.start(*(a_gate(f"gate-{number}", retries=1) for number in range(1_500)))
    fake.finish(*fake.jobs()[1:])

    known = fake.records.get(FLOW_ID)
    assert known
    assert len(known.model_dump_json()) < 2_000


def test_what_has_passed_is_remembered_also_of_a_run_that_ends_early(fake: FakeTestRunner) -> None:
    fake.start(LINT, UNIT)
    fake.finish(fake.jobs()[0])
    assert fake.verdicts.answers == {}

    stop = StopRun(fake.records, fake.plans, fake.verdicts)
    stop(an_event(FlowAborted(reason="no")), a_cause())

    assert list(fake.verdicts.answers) == [
        (Trust.RELEASE, key) for key in verdict_keys(a_change(), LINT)
    ]


SYSTEM = a_gate("system", after="staging", retries=1)


def after_deployment(fake: FakeTestRunner, *gates: Any) -> list[Job]:
    """The jobs of the gates that follow, once the others have passed and staging is deployed."""
    fake.start(*gates)
    for job in fake.jobs():
        fake.finish(job)
    before = len(fake.jobs())
    deployed(fake)
    return fake.jobs()[before:]


def deployed(fake: FakeTestRunner) -> Outcome[TestRun]:
    known = fake.records.get(FLOW_ID)
    assert known
    assert known.flow
    done = a_deploy_done(flow=known.flow, environment="staging")
    start = StartEnvironmentRun(fake.records, fake.plans, PROOFS, fake.clock)
    return start(an_event(done), a_cause())


def test_gates_that_follow_a_deployment_wait_for_it(fake: FakeTestRunner) -> None:
    (system,) = after_deployment(fake, UNIT, SYSTEM)

    assert len(fake.said.only(TestsPassed)) == 1
    assert fake.said.only(EnvironmentPassed) == []
    assert (system.environment, system.record) == ("staging", f"{FLOW_ID}.staging")
    assert system.variables["PENSTOCK_STAGE"] == "staging"
    fake.finish(system)
    assert [passed.environment for passed in fake.said.only(EnvironmentPassed)] == ["staging"]
    assert len(fake.said.only(TestsPassed)) == 1


def test_a_gate_that_follows_a_deployment_fails_the_flow_in_staging(fake: FakeTestRunner) -> None:
    (system,) = after_deployment(fake, SYSTEM)

    fake.finish(system, state=JobState.FAILED, exit_code=1)
    again = fake.jobs()[-1]
    assert again.job_id != system.job_id
    fake.finish(again, state=JobState.FAILED, exit_code=1)

    (failed,) = fake.said.only(FlowFailed)
    assert (failed.phase, failed.reason) == (
        Phase.STAGING,
        "gate system (orders) failed with exit code 1",
    )


def test_what_passed_in_an_environment_is_not_remembered(fake: FakeTestRunner) -> None:
    (system,) = after_deployment(fake, UNIT, SYSTEM)
    fake.finish(system)

    assert list(fake.verdicts.answers) == [
        (Trust.RELEASE, key) for key in verdict_keys(a_change(), UNIT)
    ]


def test_a_second_delivery_of_a_deployment_asks_for_nothing_more(fake: FakeTestRunner) -> None:
    (system,) = after_deployment(fake, SYSTEM)

    assert deployed(fake).result is Result.ALREADY_DONE
    assert fake.jobs() == [system]


def test_a_flow_that_was_stopped_runs_no_gates_in_its_environment(fake: FakeTestRunner) -> None:
    fake.start(UNIT, SYSTEM)
    fake.finish(*fake.jobs())
    stop = StopRun(fake.records, fake.plans, fake.verdicts)
    stop(an_event(FlowAborted(reason="no")), a_cause())

    assert deployed(fake).result is Result.ALREADY_DONE
    assert [job.name for job in fake.jobs()] == ["unit"]


def test_a_gate_that_passed_with_other_tools_is_run_again(fake: FakeTestRunner) -> None:
    fake.start(LINT, UNIT)
    lint, unit = fake.jobs()
    fake.finish(lint, toolchain="Python 3.11")
    fake.finish(unit, toolchain="Python 3.12")

    fake.start(LINT, UNIT, flow_id=OTHER_FLOW_ID)

    assert [job.name for job in fake.jobs()[2:]] == ["lint"]


def test_a_failure_with_other_tools_is_no_doubt_about_these(fake: FakeTestRunner) -> None:
    fake.start(LINT, UNIT)
    lint, unit = fake.jobs()
    fake.finish(lint, state=JobState.FAILED, exit_code=1, toolchain="one")
    fake.finish(unit, toolchain="two")

    assert {
        answer["toolchain"]: "failed" in answer for answer in fake.verdicts.answers.values()
    } == {
        "one": True,
        "two": False,
    }


def test_the_tools_of_a_run_are_those_of_its_last_result(fake: FakeTestRunner) -> None:
    third = a_gate("third")
    fake.start(LINT, UNIT, third)
    for job, toolchain in zip(fake.jobs(), ("one", "two", "one"), strict=True):
        fake.finish(job, toolchain=toolchain)

    assert fake.verdicts.toolchains == {Trust.RELEASE: "one"}
    fake.start(LINT, UNIT, third, flow_id=OTHER_FLOW_ID)
    assert [job.name for job in fake.jobs()[3:]] == ["unit"]
