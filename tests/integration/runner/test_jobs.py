"""Runners as they are, on an emulator: what a job costs, gets, leaves and says."""

import hashlib
import os
import re
import shutil
import signal
import time
from collections import Counter
from datetime import UTC, datetime

import pytest

from penstock_runner.adapters.capture import EVENT_OVERHEAD
from penstock_shared.contracts.jobs import Job, JobState
from tests.integration.runner.conftest import StartRunner
from tests.integration.runner.runner_stage import CallCounter, RunnerStage, eventually
from tests.support.builders import FLOW_ID

pytestmark = pytest.mark.integration


def test_a_job_runs_in_its_source_and_its_output_is_in_its_log(staffed: RunnerStage) -> None:
    stage = staffed
    source = stage.source({"services/orders/greeting": "hello from the source\n"})
    job = stage.job("cat greeting\nls nowhere", workdir="services/orders", source=source)

    stage.request(job)
    result = stage.result(job)

    assert (result.state, result.attempt) == (JobState.FAILED, 1)
    assert result.exit_code != 0
    assert result.reason == f"exit code {result.exit_code}"
    assert result.log_stream == f"release/{FLOW_ID}/{job.job_id}/1"
    lines = stage.lines(result.log_stream)
    assert lines[:3] == ["$ cat greeting", "ls nowhere", "hello from the source"]
    assert result.tail.splitlines() == lines[2:]
    eventually(lambda: stage.waiting() == (0, 0), "the message is off the queue")


def test_a_job_sees_nothing_of_its_runner(staffed: RunnerStage) -> None:
    stage = staffed
    job = stage.job("env | sort; tr '\\0' '\\n' < /proc/$PPID/environ")

    stage.request(job)

    tail = stage.result(job).tail
    assert "CI=true" in tail
    assert f"PENSTOCK_FLOW_ID={FLOW_ID}" in tail
    assert "AWS_" not in tail


SPY = """
cd /proc/$PPID
for secret in environ maps mem fd/0; do
  head -c 1 $secret > /dev/null 2>&1 && state=open || state=shut
  echo "$secret is $state"
done
"""


def test_an_ordinary_user_s_job_sees_nothing_of_its_runner_s_process(
    stage: RunnerStage, start_runner: StartRunner
) -> None:
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root sees everything, and there is no setpriv to give that up")
        prefix = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
    start_runner(stage, prefix=prefix, PENSTOCK_RUNNER_SANDBOX="off")
    job = stage.job(SPY)

    stage.request(job)

    shut = [f"{secret} is shut" for secret in ("environ", "maps", "mem", "fd/0")]
    assert stage.result(job).tail.splitlines() == shut


def test_a_job_that_does_nothing_costs_five_calls(
    stage: RunnerStage, start_runner: StartRunner
) -> None:
    """Its source is in the cache, and it ends before its start would be announced.

    On a busy machine not every job ends so soon.
    """
    with CallCounter(stage.emulator) as counter:
        start_runner(stage, AWS_ENDPOINT_URL=counter.own_address, PENSTOCK_RUNNER_SLOTS="1")
        source = stage.source({"README": ""})
        costs = [cost_of(stage.job("true", source=source), stage, counter) for _ in range(5)]

    assert costs[0]["GetObject"] == 1
    assert {"PutItem": 2, "Publish": 1, "DeleteMessage": 1} in costs[1:]


def cost_of(job: Job, stage: RunnerStage, counter: CallCounter) -> Counter[str]:
    """The calls that a runner with one slot makes for a job, after the one that receives it."""
    begun = len(counter.calls)
    stage.request(job)
    stage.result(job)
    eventually(lambda: "DeleteMessage" in counter.calls[begun:], "it is off the queue")
    # A receive that has begun, or came back empty-handed, is waiting and not work.
    return Counter(name for name in counter.calls[begun:] if name != "ReceiveMessage")


def test_only_a_job_that_lasts_is_announced(staffed: RunnerStage) -> None:
    stage = staffed
    short, lasting = stage.job("true"), stage.job("sleep 1000", timeout=5)

    stage.request(short)
    stage.result(short)
    stage.request(lasting)
    eventually(lambda: started(stage, lasting), "the lasting job is announced")

    announced = {start.job_id for start in stage.starts()}
    assert announced & {short.job_id, lasting.job_id} == {lasting.job_id}


def started(stage: RunnerStage, job: Job) -> bool:
    return job.job_id in {start.job_id for start in stage.starts()}


def test_output_is_seen_while_the_job_runs(staffed: RunnerStage) -> None:
    stage = staffed
    job = stage.job("date +%s%N; sleep 1000", timeout=10)
    stage.request(job)

    lines = eventually(
        lambda: stage.lines(f"release/{FLOW_ID}/{job.job_id}/1")[1:] or None, "its output is there"
    )

    printed = datetime.fromtimestamp(int(lines[0]) / 1e9, UTC)
    # A second is the aim; a machine that is busy with other tests may take longer.
    assert (datetime.now(UTC) - printed).total_seconds() < 5


def test_a_flood_of_output_is_kept_within_its_cap(
    stage: RunnerStage, start_runner: StartRunner
) -> None:
    start_runner(stage, PENSTOCK_RUNNER_LOG_BYTES=str(1 << 20))
    job = stage.job("echo first; yes 'all work and no play' | head -c 19999980; echo last")

    stage.request(job)
    result = stage.result(job)

    assert (result.state, result.reason) == (JobState.SUCCEEDED, "")
    assert result.tail.endswith("all work and no play\nlast")
    lines = stage.lines(result.log_stream)
    assert (lines[1], lines[-1]) == ("first", "last")
    (gap,) = [line for line in lines if "left out" in line]
    left_out = int(re.sub(r"\D", "", gap))
    stored = sum(len(line) for line in lines)
    assert left_out + stored + len(lines) == pytest.approx(20_000_000, abs=1000)
    assert stored + len(lines) * EVENT_OVERHEAD <= (1 << 20) + 200


def test_outputs_are_in_the_bucket(staffed: RunnerStage) -> None:
    stage = staffed
    uploads = (stage.upload("bundle", "dist/out.bin"), stage.upload("other", "no", required=False))
    job = stage.job("mkdir dist; head -c 3000000 /dev/zero > dist/out.bin", outputs=uploads)

    stage.request(job)
    result = stage.result(job)

    (output,) = result.outputs
    content = stage.objects.get(output.key)
    assert (output.name, output.size) == ("bundle", 3_000_000)
    assert output.sha256 == hashlib.sha256(content).hexdigest()


def test_a_job_without_its_output_has_failed(staffed: RunnerStage) -> None:
    stage = staffed
    job = stage.job("true", outputs=(stage.upload("bundle", "dist/out.bin"),))

    stage.request(job)
    result = stage.result(job)

    assert result.state is JobState.FAILED
    assert result.reason == "the command left no dist/out.bin, the output 'bundle'"


def test_a_job_that_takes_too_long_is_stopped(staffed: RunnerStage) -> None:
    stage = staffed
    job = stage.job("sleep 1000", timeout=1)

    stage.request(job)

    result = stage.result(job)
    assert (result.state, result.reason) == (JobState.TIMED_OUT, "timed out after 1 s")


@pytest.mark.parametrize("body", ["nonsense", "{}"])
def test_what_no_runner_can_read_is_a_dead_letter_with_its_reason(
    body: str, staffed: RunnerStage
) -> None:
    stage = staffed
    good = stage.job("true")

    stage.send(body)
    stage.request(good)

    assert stage.result(good).state is JobState.SUCCEEDED
    (letter,) = eventually(lambda: stage.receive("jobs-release-dlq") or None, "it is a dead letter")
    assert letter["Body"] == body
    assert letter["MessageAttributes"]["reason"]["StringValue"].startswith("not ")


def test_the_same_request_ten_times_runs_once(
    stage: RunnerStage, start_runner: StartRunner
) -> None:
    start_runner(stage, PENSTOCK_RUNNER_SLOTS="4", PENSTOCK_RUNNER_LEASE_SECONDS="1")
    job = stage.job("sleep 0.5")

    for _ in range(10):
        stage.request(job)
    stage.result(job)
    eventually(lambda: stage.waiting() == (0, 0), "all ten are off the queue")

    # It may be said again; it is the same event then.
    assert len({event.id for event in stage.said() if event.type == "job-finished"}) == 1


def test_a_runner_that_is_told_to_stop_gives_its_job_back_at_once(
    stage: RunnerStage, start_runner: StartRunner
) -> None:
    first = start_runner(stage, PENSTOCK_RUNNER_LEASE_SECONDS="600")
    job = stage.job('[ "$PENSTOCK_ATTEMPT" = 2 ] || sleep 1000')
    stage.request(job)
    eventually(lambda: bool(stage.starts()), "the first runner has it")

    begun = time.monotonic()
    assert first.stop() == 0
    took = time.monotonic() - begun
    start_runner(stage)

    assert stage.result(job).attempt == 2
    assert took < 10


def test_an_idle_runner_stops_at_once(stage: RunnerStage, start_runner: StartRunner) -> None:
    runner = start_runner(stage)
    job = stage.job("true")
    stage.request(job)
    stage.result(job)

    begun = time.monotonic()
    runner.signal(signal.SIGINT)

    assert runner.process.wait(timeout=20) == 0
    assert time.monotonic() - begun < 5
