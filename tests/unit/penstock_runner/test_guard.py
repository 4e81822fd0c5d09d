"""No process of a job outlives the job or the runner. In a child process, since guards adopt."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.penstock_runner.test_shell import is_gone

RUNNER = """
import sys
from pathlib import Path
from threading import Thread
from time import monotonic
from penstock_runner.adapters.guard import ProcessGuard
from penstock_runner.adapters.shell import PosixShell
from penstock_runner.domain.interruption import StopSignal
from penstock_runner.domain.ports import Command

shell = PosixShell(ProcessGuard.on_duty())

def run(script, stop):
    environment = {"PATH": "/usr/bin:/bin", "PENSTOCK_JOB_ID": "a-job"}
    command = Command(script, Path.cwd(), environment, 60)
    try:
        print(shell.run(command, lambda _: None, stop).state, flush=True)
    except Exception as error:
        print(type(error).__name__, flush=True)

for line in sys.stdin:
    order, _, rest = line.partition(" ")
    if order == "hold":
        stop.hold_until(monotonic() + float(rest), monotonic())
        print("held", flush=True)
    else:
        stop = StopSignal(lease_ends=monotonic() + 1000)
        Thread(target=run, args=(rest, stop), daemon=True).start()
"""


class Runner:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            text=True,
        )

    def begin(self, script: str) -> None:
        self._order(f"run {script}")

    def hold(self, seconds: float) -> None:
        """Let the lease of the running job end so many seconds from now."""
        self._order(f"hold {seconds}")
        assert self.answer() == "held"

    def _order(self, order: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()

    def run(self, script: str) -> str:
        self.begin(script)
        return self.answer()

    def answer(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def pid_in(self, name: str) -> int:
        return int(eventually_read(self.folder / name))

    def children(self) -> list[str]:
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [pid for task in tasks for pid in task.read_text().split()]


def eventually_read(path: Path) -> str:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if path.exists() and path.read_text().endswith("\n"):
            return path.read_text()
        time.sleep(0.01)
    raise AssertionError(f"no {path.name} was written")


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    runner = Runner(tmp_path)
    yield runner
    runner.process.kill()
    runner.process.communicate()


def test_a_killed_runner_takes_its_jobs_along(runner: Runner) -> None:
    runner.begin("sleep 1000 & echo $! > pid; wait")
    pid = runner.pid_in("pid")

    runner.process.send_signal(signal.SIGKILL)

    assert is_gone(pid)


def test_jobs_that_are_over_are_forgotten(runner: Runner) -> None:
    """Otherwise the watchman would kill a process that reuses the number."""
    for _ in range(3):
        assert runner.run("echo $$ > over") == "succeeded"
    runner.begin("sleep 1000 & echo $! > pid; wait")
    pid = runner.pid_in("pid")

    runner.process.send_signal(signal.SIGKILL)

    assert is_gone(pid)


@pytest.mark.parametrize("environment", ["", "env -i "])
def test_a_daemon_that_left_the_group_ends_with_the_job(runner: Runner, environment: str) -> None:
    daemon = "sh -c 'echo $$ > pid; exec sleep 1000'"

    assert (
        runner.run(f"{environment}setsid {daemon} & while [ ! -s pid ]; do :; done") == "succeeded"
    )

    assert is_gone(runner.pid_in("pid"))


def test_the_runner_keeps_no_dead_children(runner: Runner) -> None:
    for _ in range(3):
        runner.run("sleep 1000 & (setsid true &)")

    assert len(runner.children()) == 1  # the watchman


def test_a_frozen_runner_s_job_ends_with_its_lease(runner: Runner) -> None:
    runner.begin("sleep 1000 & echo $! > pid; wait; touch effect")
    pid = runner.pid_in("pid")

    runner.hold(1)
    runner.process.send_signal(signal.SIGSTOP)
    ended = is_gone(pid)
    runner.process.send_signal(signal.SIGCONT)

    assert ended
    assert runner.answer() == "JobInterruptedError"
    assert not (runner.folder / "effect").exists()
