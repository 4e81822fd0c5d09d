"""H2: a result is believed only from a runner that was given its job, with the plan's outputs.

The attack: whoever held a runner's rights published `job-finished` for any job, whose id is
predictable, with any key of the bucket as its artifact. Gates passed that would have failed, and a
chosen object was deployed.
"""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from build_service.domain.build import BuildState
from build_service.use_cases.record_job import RecordBuildJob
from deployer_service.domain.deployment.model import DeploymentState
from deployer_service.use_cases.record_result import RecordJobs, RecordResults
from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.event import encode
from penstock_shared.contracts.events import BuildCompleted, FlowFailed, JobFinished, TestsPassed
from penstock_shared.contracts.jobs import JobOutput, JobResult
from penstock_shared.contracts.plan import GateReport, ReportKind
from penstock_shared.decisions import Outcome, Result
from penstock_shared.jobs import report_name
from penstock_shared.messaging.giving_up import FailFlow
from penstock_shared.proofs import JobProofs
from penstock_shared.results import REFUSED_RESULTS
from penstock_shared.testing.fakes import RecordingPublisher
from test_runner_service.use_cases.record_job import RecordGateJob
from tests.support.builders import (
    BELIEVED,
    FLOW_ID,
    OTHER_FLOW_ID,
    PROOFS,
    a_cause,
    a_gate,
    an_event,
    an_output,
    finished,
)
from tests.unit.build_service.test_building import FakeBuild, result_of
from tests.unit.deployer_service.world import World, by_command
from tests.unit.test_runner_service.test_gates import FakeTestRunner
from tests.unit.test_runner_service.test_gates import result_of as result_of_gate

OWN_JOB = "7" * 20
"""A job that the forger's runner was given."""
CHOSEN = "snapshots/check/chosen.tar.gz"


def no_proof(result: JobResult) -> JobFinished:
    return JobFinished(result=result)


def made_up(result: JobResult) -> JobFinished:
    other = JobProofs(b"a key that the forger has made up")
    return JobFinished(result=result, proof=other.proof_of(FLOW_ID, result.job_id, result.trust))


def of_another_job(result: JobResult) -> JobFinished:
    return JobFinished(result=result, proof=PROOFS.proof_of(FLOW_ID, OWN_JOB, result.trust))


def of_another_flow(result: JobResult) -> JobFinished:
    proof = PROOFS.proof_of(OTHER_FLOW_ID, result.job_id, result.trust)
    return JobFinished(result=result, proof=proof)


def of_another_trust(result: JobResult) -> JobFinished:
    proof = PROOFS.proof_of(FLOW_ID, result.job_id, Trust.CHECK)
    return JobFinished(result=result, proof=proof)


FORGERIES = [no_proof, made_up, of_another_job, of_another_flow, of_another_trust]
forged = pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)


def build_takes_in(fake: FakeBuild, *said: JobFinished) -> Outcome[Any]:
    record = RecordBuildJob(fake.records, fake.plans, fake.artifacts, BELIEVED, fake.clock)
    return record([an_event(data) for data in said], a_cause())


def gates_take_in(fake: FakeTestRunner, *said: JobFinished) -> Outcome[Any]:
    record = RecordGateJob(
        fake.records, fake.objects, fake.plans, fake.verdicts, BELIEVED, fake.clock
    )
    return record([an_event(data) for data in said], a_cause())


def counted(printed: str) -> int:
    """How many refused results the log's metrics count."""
    lines = [json.loads(line) for line in printed.splitlines() if REFUSED_RESULTS in line]
    return sum(int(line[REFUSED_RESULTS][0]) for line in lines if REFUSED_RESULTS in line)


@forged
def test_a_forged_build_ends_nothing_and_is_remembered_by_nobody(
    forge: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FakeBuild()
    fake.start()
    app, site = fake.jobs()["app"], fake.jobs()["site"]

    outcome = build_takes_in(fake, forge(result_of(app)), forge(result_of(site)))

    assert outcome.result is Result.REFUSED
    assert fake.artifacts.answers == {}
    known = fake.records.get(FLOW_ID)
    assert known
    assert known.state is BuildState.BUILDING
    assert counted(capsys.readouterr().out) == 2
    fake.finish(app, site)
    assert len(fake.said.only(BuildCompleted)) == 1


@forged
def test_a_forged_pass_of_a_gate_is_not_believed(forge: Any) -> None:
    fake = FakeTestRunner()
    fake.start(a_gate("unit"))

    outcome = gates_take_in(fake, forge(result_of_gate(fake.jobs()[0])))

    assert outcome.result is Result.REFUSED
    assert fake.said.only(TestsPassed) == []
    assert fake.verdicts.answers == {}


def test_a_forged_end_of_a_deployment_s_job_is_not_believed() -> None:
    world = World()
    flow = world.flow(1)
    world.pass_tests(flow)
    world.take_in()
    (job,) = world.jobs
    result = world.runner(job)
    proof = PROOFS.proof_of(flow.flow_id, OWN_JOB, job.trust)

    for said in (JobFinished(result=result), JobFinished(result=result, proof=proof)):
        outcome = world.deliver(flow.event(said))
        assert outcome.result is Result.REFUSED
        record = RecordJobs(RecordResults(world.ledger), BELIEVED)
        assert record.give_up(flow.event(said), "cannot be read").result is Result.REFUSED

    assert world.state(flow) is DeploymentState.DEPLOYING


def test_the_end_of_one_deployment_s_job_cannot_stand_for_another_s() -> None:
    world = World()
    flow = world.flow(1, by_command("orders"), by_command("billing"))
    world.pass_tests(flow)
    world.take_in()
    (orders, billing) = world.jobs
    moved = world.runner(orders).model_copy(update={"component": billing.component})

    outcome = world.deliver(flow.event(finished(moved, flow.flow_id)))

    assert outcome.result is Result.REFUSED
    assert world.state(flow) is DeploymentState.DEPLOYING


def outputs_of(name: str, key: str) -> tuple[JobOutput, ...]:
    return (an_output(name, key),)


@pytest.mark.parametrize(
    "outputs",
    [
        outputs_of("app", CHOSEN),
        outputs_of("app", "artifacts/release/app/another-flow-s.zip"),
        outputs_of("other", CHOSEN),
    ],
    ids=["another prefix", "another flow's artifact", "no output of the job"],
)
def test_a_proven_result_cannot_name_another_artifact_than_the_plan_s(
    outputs: Sequence[JobOutput],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake = FakeBuild()
    fake.start()
    app = fake.jobs()["app"]

    fake.finish(app, outputs=outputs)

    assert fake.artifacts.answers == {}
    assert fake.said.only(FlowFailed) == []
    assert counted(capsys.readouterr().out) == 1
    assert caplog.messages == ["result refused"]
    fake.finish(app, fake.jobs()["site"])
    assert len(fake.said.only(BuildCompleted)) == 1


def test_a_success_without_its_artifact_is_a_failure() -> None:
    fake = FakeBuild()
    fake.start()

    fake.finish(fake.jobs()["app"], outputs=())

    (failed,) = fake.said.only(FlowFailed)
    assert failed.reason == "building app failed: it left no app.zip"


def test_a_proven_result_cannot_stand_for_another_component() -> None:
    """Its proof is good for its own job only, in whichever place of the plan it puts itself."""
    fake = FakeBuild()
    fake.start()
    app, site = fake.jobs()["app"], fake.jobs()["site"]
    moved = result_of(site).model_copy(
        update={"position": app.position, "outputs": outputs_of("app", app.outputs[0].key)}
    )

    build_takes_in(fake, finished(moved), finished(result_of(site)))

    assert len(fake.artifacts.answers) == 1
    known = fake.records.get(FLOW_ID)
    assert known
    assert app.position not in known.done


def test_a_gate_s_report_is_read_under_the_plan_s_key_only() -> None:
    fake = FakeTestRunner()
    fake.start(a_gate("unit", reports=(GateReport(kind=ReportKind.JUNIT, path="junit.xml"),)))
    (job,) = fake.jobs()

    fake.finish(job, outputs=outputs_of(report_name(0), CHOSEN))

    assert fake.said.only(TestsPassed) == []
    assert fake.said.only(FlowFailed) == []


def test_a_malformed_result_fails_a_flow_only_with_its_job_s_proof() -> None:
    """Else whoever may publish could fail any flow."""
    fake = FakeBuild()
    fake.start()
    said = json.loads(encode(an_event(finished(result_of(fake.jobs()["app"])))))
    said["data"]["result"]["state"] = "splendid"
    publisher = RecordingPublisher()
    fail = FailFlow(publisher, "build", is_proven=PROOFS.holds_in)

    fail(json.dumps({**said, "subject": OTHER_FLOW_ID}), "cannot be read")
    fail(json.dumps({**said, "data": "nothing"}), "cannot be read")
    assert publisher.said == []
    fail(json.dumps(said), "cannot be read")
    assert publisher.types() == ["flow-failed"]
