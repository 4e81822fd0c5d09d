"""Jobs survive dead, frozen and forgotten runners."""

import json
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock_runner import bootstrap, handlers
from penstock_runner.domain.job_run import JobRun, key_of
from penstock_shared import aws
from penstock_shared.contracts.event import encode, make_event
from penstock_shared.contracts.events import FlowAborted, JobFinished
from penstock_shared.contracts.jobs import Job, JobResult, JobState
from penstock_shared.persistence.dynamodb import DynamoRecordStore
from penstock_shared.testing.fakes import forget
from tests.integration.runner.conftest import StartRunner, own_emulator
from tests.integration.runner.runner_stage import RunnerStage, eventually
from tests.support.builders import FLOW_ID, NOW, a_cause
from tests.support.emulator import OwnEmulator
from tests.unit.penstock_runner.test_shell import is_gone

pytestmark = pytest.mark.integration

# These tests look at a job's processes and files from outside, so it gets no sandbox.
OPEN = {"PENSTOCK_RUNNER_SANDBOX": "off"}
SHORT_LEASE = {"PENSTOCK_RUNNER_LEASE_SECONDS": "2", **OPEN}
LASTS_ONLY_ONCE = 'echo $$ > "$PIDS/$PENSTOCK_ATTEMPT"; [ "$PENSTOCK_ATTEMPT" -gt 1 ] || sleep 1000'


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    folder = tmp_path / "pids"
    folder.mkdir()
    return folder


def pid_of(pids: Path, attempt: int) -> int:
    path = pids / str(attempt)
    eventually(lambda: path.exists() and path.read_text().endswith("\n"), f"attempt {attempt} runs")
    return int(path.read_text())


def a_job(stage: RunnerStage, pids: Path, run: str = LASTS_ONLY_ONCE) -> Job:
    return stage.job(run, variables={"PIDS": str(pids)})


def outcomes_of(stage: RunnerStage, job: Job) -> list[JobResult]:
    """The results of the job, without duplicate deliveries of an event."""
    said = {event.id: event.data for event in stage.said() if isinstance(event.data, JobFinished)}
    return [data.result for data in said.values() if data.result.job_id == job.job_id]


def record_of(stage: RunnerStage, job: Job) -> JobRun | None:
    stored = DynamoRecordStore(stage.dynamodb, stage.table, JobRun).get(key_of(job))
    return stored.record if stored else None


def test_the_job_of_a_killed_runner_runs_again_elsewhere(
    stage: RunnerStage, start_runner: StartRunner, pids: Path
) -> None:
    first = start_runner(stage, **SHORT_LEASE)
    job = a_job(stage, pids)
    stage.request(job)
    pid = pid_of(pids, 1)

    first.kill()
    start_runner(stage, **SHORT_LEASE)
    result = stage.result(job)

    assert result.state is JobState.SUCCEEDED
    assert result.attempt > 1
    assert is_gone(pid)
    eventually(lambda: stage.waiting() == (0, 0), "the message is off the queue")


def test_the_late_result_of_a_frozen_runner_is_ignored(
    stage: RunnerStage, start_runner: StartRunner, pids: Path
) -> None:
    frozen = start_runner(stage, PENSTOCK_RUNNER_SLOTS="1", **SHORT_LEASE)
    job = a_job(stage, pids)
    stage.request(job)
    pid = pid_of(pids, 1)

    frozen.freeze()
    os.kill(pid, signal.SIGKILL)  # the frozen runner will find a failed job when it wakes up
    start_runner(stage, PENSTOCK_RUNNER_SLOTS="1", **SHORT_LEASE)
    assert stage.result(job).attempt > 1
    frozen.thaw()
    eventually(lambda: "let go: " in frozen.log.read_text(), "it has let go of the job")

    (outcome,) = outcomes_of(stage, job)
    assert outcome.state is JobState.SUCCEEDED


def test_a_frozen_runner_kills_its_job_when_it_wakes_up_without_a_lease(
    stage: RunnerStage, start_runner: StartRunner, pids: Path
) -> None:
    frozen = start_runner(stage, PENSTOCK_RUNNER_SLOTS="1", **SHORT_LEASE)
    job = a_job(stage, pids)
    stage.request(job)
    pid = pid_of(pids, 1)

    frozen.freeze()
    start_runner(stage, PENSTOCK_RUNNER_SLOTS="1", **SHORT_LEASE)
    assert stage.result(job).attempt > 1
    frozen.thaw()

    assert is_gone(pid)
    assert len(outcomes_of(stage, job)) == 1


def test_the_command_of_a_frozen_runner_takes_effect_once(
    stage: RunnerStage, start_runner: StartRunner, pids: Path
) -> None:
    """The first attempt would end while its runner is frozen, and beside the second."""
    frozen = start_runner(stage, PENSTOCK_RUNNER_SLOTS="1", **SHORT_LEASE)
    script = 'echo $$ > "$PIDS/$PENSTOCK_ATTEMPT"; sleep 3; echo "$PENSTOCK_ATTEMPT" >> "$PIDS/all"'
    job = a_job(stage, pids, script)
    stage.request(job)
    pid_of(pids, 1)

    frozen.freeze()
    start_runner(stage, PENSTOCK_RUNNER_SLOTS="1", **SHORT_LEASE)
    result = stage.result(job)
    frozen.thaw()
    eventually(lambda: "let go: " in frozen.log.read_text(), "it has let go of the job")

    assert (pids / "all").read_text() == f"{result.attempt}\n"
    assert len(outcomes_of(stage, job)) == 1


def test_a_job_that_kills_its_runners_is_lost(
    stage: RunnerStage, start_runner: StartRunner, pids: Path
) -> None:
    job = a_job(stage, pids, 'echo $$ > "$PIDS/$PENSTOCK_ATTEMPT"; sleep 1000')
    stage.request(job)
    for attempt in (1, 2, 3):
        runner = start_runner(stage, **SHORT_LEASE)
        pid_of(pids, attempt)
        runner.kill()

    start_runner(stage, **SHORT_LEASE)
    result = stage.result(job)

    assert (result.state, result.attempt) == (JobState.LOST, 3)
    assert result.reason.startswith("its runner died 3 times")
    assert not (pids / "4").exists()


def test_a_lease_is_kept_for_as_long_as_the_job_runs(
    stage: RunnerStage, start_runner: StartRunner, pids: Path
) -> None:
    for _ in range(2):
        start_runner(stage, PENSTOCK_RUNNER_LEASE_SECONDS="3", **OPEN)
    job = a_job(stage, pids, 'echo $$ > "$PIDS/$PENSTOCK_ATTEMPT"; sleep 7')
    stage.request(job)

    result = stage.result(job)

    assert (result.state, result.attempt) == (JobState.SUCCEEDED, 1)
    assert not (pids / "2").exists()


@pytest.fixture
def function_settings(stage: RunnerStage, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment of the function in this stage."""
    for name, value in stage.settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    kept = (
        bootstrap.stop_jobs,
        aws._session,
        aws._origin,
        aws.client,
    )
    forget_all(kept)
    yield
    forget_all(kept)


def forget_all(kept: Iterable[Any]) -> None:
    forget(bootstrap.SERVICE)
    for function in kept:
        function.cache_clear()


def stop_event(reason: str) -> dict[str, object]:
    event = make_event(
        FlowAborted(reason=reason, by="ada"),
        flow_id=FLOW_ID,
        source="penstock/release",
        time=NOW,
        traceparent=a_cause().traceparent,
        hop=2,
    )
    record = {
        "messageId": "1",
        "receiptHandle": "receipt",
        "body": encode(event),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }
    return {"Records": [record]}


@pytest.mark.usefixtures("function_settings")
def test_the_jobs_of_a_stopped_flow_are_cancelled(
    stage: RunnerStage, start_runner: StartRunner, pids: Path
) -> None:
    start_runner(stage, **OPEN)
    job = a_job(stage, pids)
    stage.request(job)
    pid = pid_of(pids, 1)

    answer = handlers.stop_jobs(stop_event("wrong button"), None)

    assert answer == {"batchItemFailures": []}
    result = stage.result(job)
    assert (result.state, result.exit_code) == (JobState.CANCELLED, None)
    assert result.reason == "flow aborted by ada: wrong button"
    assert is_gone(pid)


@pytest.mark.usefixtures("function_settings")
def test_a_stop_that_is_no_event_is_a_dead_letter(stage: RunnerStage) -> None:
    event = stop_event("wrong button")
    event["Records"][0]["body"] = json.dumps({"type": "flow-sunk"})  # type: ignore[index]  # as made above

    assert handlers.stop_jobs(event, None) == {"batchItemFailures": []}

    assert len(stage.receive("runner-dlq")) == 1


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[OwnEmulator]:
    yield from own_emulator(tmp_path / "fragile")


def test_a_job_outlives_the_emulator(
    fragile: OwnEmulator, start_runner: StartRunner, pids: Path, tmp_path: Path
) -> None:
    stage = RunnerStage(fragile).create()
    start_runner(stage, PENSTOCK_RUNNER_LEASE_SECONDS="5", **OPEN)
    done = tmp_path / "done"
    job = a_job(
        stage,
        pids,
        f'echo $$ > "$PIDS/$PENSTOCK_ATTEMPT"; while [ ! -e {done} ]; do sleep 0.1; done',
    )
    stage.request(job)
    pid_of(pids, 1)
    eventually(lambda: bool(stage.starts()), "it runs, and that is kept")

    fragile.kill()
    done.touch()
    fragile.start()
    result = stage.result(job)

    assert result.state is JobState.SUCCEEDED
    assert len(outcomes_of(stage, job)) == 1
    record = record_of(stage, job)
    assert record is not None
    assert record.outcome is JobState.SUCCEEDED
