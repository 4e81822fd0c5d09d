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
from tests.integration.runner.world import CallCounter, World, eventually
from tests.support.builders import FLOW_ID

pytestmark = pytest.mark.integration


def test_a_job_runs_in_its_source_and_its_output_is_in_its_log(staffed: World) -> None:
    world = staffed
    source = world.source({"services/orders/greeting": "hello from the source\n"})
    job = world.job("cat greeting\nls nowhere", workdir="services/orders", source=source)

    world.request(job)
    result = world.result(job)

    assert (result.state, result.attempt) == (JobState.FAILED, 1)
    assert result.exit_code != 0
    assert result.reason == f"exit code {result.exit_code}"
    assert result.log_stream == f"{FLOW_ID}/{job.job_id}/1"
    lines = world.lines(result.log_stream)
    assert lines[:2] == ["$ cat greeting\nls nowhere", "hello from the source"]
    assert result.tail.splitlines() == lines[1:]
    eventually(lambda: world.waiting() == (0, 0), "the message is off the queue")


def test_a_job_sees_nothing_of_its_runner(staffed: World) -> None:
    world = staffed
    job = world.job("env | sort; tr '\\0' '\\n' < /proc/$PPID/environ")

    world.request(job)

    tail = world.result(job).tail
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
    world: World, start_runner: StartRunner
) -> None:
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root sees everything, and there is no setpriv to give that up")
        prefix = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
    start_runner(world, prefix=prefix, PENSTOCK_RUNNER_SANDBOX="off")
    job = world.job(SPY)

    world.request(job)

    shut = [f"{secret} is shut" for secret in ("environ", "maps", "mem", "fd/0")]
    assert world.result(job).tail.splitlines() == shut


def test_a_job_that_does_nothing_costs_five_calls(world: World, start_runner: StartRunner) -> None:
    """Its source is in the cache, and it is over before anybody would hear of its start.

    A machine that is busy may not run each of them so soon.
    """
    with CallCounter(world.emulator.address) as counter:
        start_runner(world, AWS_ENDPOINT_URL=counter.own_address, PENSTOCK_RUNNER_SLOTS="1")
        source = world.source({"README": ""})
        costs = [cost_of(world.job("true", source=source), world, counter) for _ in range(5)]

    assert costs[0]["GetObject"] == 1
    assert {"PutItem": 2, "Publish": 1, "DeleteMessage": 1} in costs[1:]


def cost_of(job: Job, world: World, counter: CallCounter) -> Counter[str]:
    """The calls that a runner with one slot makes for a job, after the one that receives it."""
    begun = len(counter.calls)
    world.request(job)
    world.result(job)
    eventually(lambda: "DeleteMessage" in counter.calls[begun:], "it is off the queue")
    # A receive that has begun, or came back empty-handed, is waiting and not work.
    return Counter(name for name in counter.calls[begun:] if name != "ReceiveMessage")


def test_only_a_job_that_lasts_is_announced(staffed: World) -> None:
    world = staffed
    short, lasting = world.job("true"), world.job("sleep 1000", timeout=5)

    world.request(short)
    world.result(short)
    world.request(lasting)
    eventually(lambda: started(world, lasting), "the lasting job is announced")

    announced = {start.job_id for start in world.starts()}
    assert announced & {short.job_id, lasting.job_id} == {lasting.job_id}


def started(world: World, job: Job) -> bool:
    return job.job_id in {start.job_id for start in world.starts()}


def test_output_is_seen_while_the_job_runs(staffed: World) -> None:
    world = staffed
    job = world.job("date +%s%N; sleep 1000", timeout=10)
    world.request(job)

    lines = eventually(
        lambda: world.lines(f"{FLOW_ID}/{job.job_id}/1")[1:] or None, "its output is there"
    )

    printed = datetime.fromtimestamp(int(lines[0]) / 1e9, UTC)
    # A second is the aim; a machine that is busy with other tests may take longer.
    assert (datetime.now(UTC) - printed).total_seconds() < 5


def test_a_flood_of_output_is_kept_within_its_cap(world: World, start_runner: StartRunner) -> None:
    start_runner(world, PENSTOCK_RUNNER_LOG_BYTES=str(1 << 20))
    job = world.job("echo first; yes 'all work and no play' | head -c 99999984; echo last")

    world.request(job)
    result = world.result(job)

    assert (result.state, result.reason) == (JobState.SUCCEEDED, "")
    assert result.tail.endswith("all work and no play\nlast")
    lines = world.lines(result.log_stream)
    assert (lines[1], lines[-1]) == ("first", "last")
    (gap,) = [line for line in lines if "left out" in line]
    left_out = int(re.sub(r"\D", "", gap))
    stored = sum(len(line) for line in lines)
    assert left_out + stored + len(lines) == pytest.approx(100_000_000, abs=1000)
    assert stored + len(lines) * EVENT_OVERHEAD <= (1 << 20) + 200


def test_outputs_are_in_the_bucket(staffed: World) -> None:
    world = staffed
    uploads = (world.upload("bundle", "dist/out.bin"), world.upload("other", "no", required=False))
    job = world.job("mkdir dist; head -c 3000000 /dev/zero > dist/out.bin", outputs=uploads)

    world.request(job)
    result = world.result(job)

    (output,) = result.outputs
    content = world.objects.get(output.key)
    assert (output.name, output.size) == ("bundle", 3_000_000)
    assert output.sha256 == hashlib.sha256(content).hexdigest()


def test_a_job_without_its_output_has_failed(staffed: World) -> None:
    world = staffed
    job = world.job("true", outputs=(world.upload("bundle", "dist/out.bin"),))

    world.request(job)
    result = world.result(job)

    assert result.state is JobState.FAILED
    assert result.reason == "the command left no dist/out.bin, the output 'bundle'"


def test_a_job_that_takes_too_long_is_stopped(staffed: World) -> None:
    world = staffed
    job = world.job("sleep 1000", timeout=1)

    world.request(job)

    result = world.result(job)
    assert (result.state, result.reason) == (JobState.TIMED_OUT, "timed out after 1 s")


@pytest.mark.parametrize("body", ["nonsense", "{}"])
def test_what_no_runner_can_read_is_a_dead_letter_with_its_reason(
    body: str, staffed: World
) -> None:
    world = staffed
    good = world.job("true")

    world.send(body)
    world.request(good)

    assert world.result(good).state is JobState.SUCCEEDED
    (letter,) = eventually(lambda: world.receive("jobs-dlq") or None, "it is a dead letter")
    assert letter["Body"] == body
    assert letter["MessageAttributes"]["reason"]["StringValue"].startswith("not ")


def test_the_same_request_ten_times_runs_once(world: World, start_runner: StartRunner) -> None:
    start_runner(world, PENSTOCK_RUNNER_SLOTS="4", PENSTOCK_RUNNER_LEASE_SECONDS="1")
    job = world.job("sleep 0.5")

    for _ in range(10):
        world.request(job)
    world.result(job)
    eventually(lambda: world.waiting() == (0, 0), "all ten are off the queue")

    # It may be said again; it is the same event then.
    assert len({event.id for event in world.said() if event.type == "job-finished"}) == 1


def test_a_runner_that_is_told_to_stop_gives_its_job_back_at_once(
    world: World, start_runner: StartRunner
) -> None:
    first = start_runner(world, PENSTOCK_RUNNER_LEASE_SECONDS="600")
    job = world.job('[ "$PENSTOCK_ATTEMPT" = 2 ] || sleep 1000')
    world.request(job)
    eventually(lambda: bool(world.starts()), "the first runner has it")

    begun = time.monotonic()
    assert first.stop() == 0
    took = time.monotonic() - begun
    start_runner(world)

    assert world.result(job).attempt == 2
    assert took < 10


def test_an_idle_runner_stops_at_once(world: World, start_runner: StartRunner) -> None:
    runner = start_runner(world)
    job = world.job("true")
    world.request(job)
    world.result(job)

    begun = time.monotonic()
    runner.signal(signal.SIGINT)

    assert runner.process.wait(timeout=20) == 0
    assert time.monotonic() - begun < 5
