"""H1: a job killed its unprivileged runner and left a daemon behind.

When the runner was started again, the daemon read its keys from `/proc` before the runner hid them.
The retried flow was green.
"""

from pathlib import Path
from uuid import uuid4

import pytest

from penstock_shared.contracts.jobs import JobState
from tests.integration.runner.conftest import StartRunner, emulator, stage, start_runner
from tests.integration.runner.runner_stage import RunnerStage, eventually
from tests.integration.runner.test_sandbox import LIMITS, USERS, is_mentioned

__all__ = ["emulator", "stage", "start_runner"]

pytestmark = pytest.mark.integration

# The daemon ends by itself, should the attack succeed.
ATTACK = """
(setsid env -i PATH="$PATH" timeout 20 sh -c '
    while :; do
        grep -has AWS_SECRET_ACCESS_KEY= /proc/[0-9]*/environ >>{loot}
    done; : {marker}
' </dev/null >/dev/null 2>&1 &)
sleep 0.2
kill -9 {runner}
echo still here
"""


@pytest.mark.parametrize("prefix", USERS)
def test_a_job_that_kills_its_runner_and_waits_for_the_next_one_gets_no_keys(
    stage: RunnerStage, start_runner: StartRunner, tmp_path: Path, prefix: tuple[str, ...]
) -> None:
    marker, loot = uuid4().hex, tmp_path / "loot"
    loot.touch()
    loot.chmod(0o666)
    runner = start_runner(stage, prefix=prefix, **LIMITS)
    attack = ATTACK.format(loot=loot, marker=marker, runner=runner.process.pid)
    job = stage.job(attack)

    stage.request(job)
    result = stage.result(job)
    again = start_runner(stage, prefix=prefix, **LIMITS)
    following = stage.job("true")
    stage.request(following)

    assert stage.result(following).state is JobState.SUCCEEDED
    assert result.attempt == 1
    assert "still here" not in result.tail or result.state is JobState.SUCCEEDED
    assert runner.process.poll() is None, "the job has killed its runner"
    assert again.process.poll() is None
    eventually(lambda: not is_mentioned(marker), "the daemon is gone")
    assert loot.read_text() == ""
