"""Commands in real processes: their environment, their end, and that nothing is left of them."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from penstock_runner.adapters.guard import ProcessGuard
from penstock_runner.adapters.shell import PosixShell
from penstock_runner.domain.interruption import StopCause, StopSignal
from penstock_runner.domain.ports import Command
from penstock_runner.domain.results import Ending
from penstock_runner.errors import JobError, JobInterruptedError
from penstock_shared.contracts.jobs import JobState

PATIENCE = 20.0


class Output:
    """The output of a command so far; a test can wait for a part of it."""

    def __init__(self) -> None:
        self.content = b""
        self._more = threading.Condition()

    def write(self, output: bytes) -> None:
        with self._more:
            self.content += output
            self._more.notify_all()

    def wait_for(self, text: bytes) -> None:
        with self._more:
            assert self._more.wait_for(lambda: text in self.content, PATIENCE)

    @property
    def lines(self) -> list[str]:
        return self.content.decode().splitlines()


@pytest.fixture
def output() -> Output:
    return Output()


@pytest.fixture
def run(tmp_path: Path, output: Output) -> Callable[..., Ending]:
    def call(script: str, stop: StopSignal | None = None, timeout: float = 30.0) -> Ending:
        environment = {"PATH": os.defpath, "HOME": str(tmp_path)}
        command = Command(script, tmp_path, environment, timeout)
        return PosixShell(ProcessGuard()).run(command, output.write, stop or StopSignal())

    return call


def is_gone(pid: int) -> bool:
    """Whether the process ends within a moment."""
    until = monotonic() + PATIENCE
    while is_running(pid) and monotonic() < until:
        sleep(0.01)
    return not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # before it was opened, and after
        return False
    return state != "Z"


def test_a_command_succeeds(run: Callable[..., Ending], output: Output) -> None:
    assert run("echo out; echo err >&2") == Ending(JobState.SUCCEEDED, 0)
    assert output.lines == ["out", "err"]


def test_a_command_fails_with_its_exit_code(run: Callable[..., Ending]) -> None:
    assert run("exit 3") == Ending(JobState.FAILED, 3, "exit code 3")


def test_a_script_ends_at_its_first_failing_command(
    run: Callable[..., Ending], output: Output
) -> None:
    ending = run("echo before\nfalse\necho after")

    assert ending.exit_code == 1
    assert output.lines == ["before"]


def test_a_command_killed_by_a_signal_has_the_shell_s_exit_code_for_it(
    run: Callable[..., Ending],
) -> None:
    assert run("kill -KILL $$").exit_code == 137


def test_the_environment_is_what_it_is_given_and_no_more(
    run: Callable[..., Ending],
    output: Output,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")

    run("tr '\\0' '\\n' < /proc/$$/environ")

    assert sorted(output.lines) == [f"HOME={tmp_path}", f"PATH={os.defpath}"]


def test_it_reads_nothing_and_has_no_other_files_open(
    run: Callable[..., Ending], output: Output
) -> None:
    run("cat; ls /proc/self/fd")

    # 3 is the folder that ls reads.
    assert output.lines == ["0", "1", "2", "3"]


def test_output_comes_while_the_command_runs(
    run: Callable[..., Ending], output: Output, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "gate")
    thread = threading.Thread(target=run, args=("echo ready; cat gate",))
    thread.start()

    output.wait_for(b"ready")
    (tmp_path / "gate").write_text("go\n")
    thread.join(PATIENCE)

    assert output.lines == ["ready", "go"]


def test_a_timeout_kills_the_command_and_its_grandchildren(
    run: Callable[..., Ending], output: Output
) -> None:
    script = "sh -c 'sleep 1000 & echo $!; wait' & echo $!; sleep 1000"

    ending = run(script, timeout=0.3)

    assert ending == Ending(JobState.TIMED_OUT, reason="timed out after 0.3 s")
    assert all(is_gone(int(pid)) for pid in output.lines)


def test_who_ends_decently_when_asked_may_say_so(
    run: Callable[..., Ending], output: Output
) -> None:
    ending = run("trap 'echo bye; exit 0' TERM; echo ready; sleep 1000 & wait", timeout=0.3)

    assert ending.state is JobState.TIMED_OUT
    assert output.lines == ["ready", "bye"]


def test_who_does_not_listen_is_killed(run: Callable[..., Ending], output: Output) -> None:
    begun = monotonic()

    ending = run("trap '' TERM; echo $$; while :; do sleep 0.1; done", timeout=0.2)

    assert ending.state is JobState.TIMED_OUT
    assert is_gone(int(output.lines[0]))
    assert 2 <= monotonic() - begun < 10


def test_what_a_command_leaves_running_ends_with_it(
    run: Callable[..., Ending], output: Output
) -> None:
    begun = monotonic()

    ending = run("sleep 1000 & echo $!")

    assert ending.state is JobState.SUCCEEDED
    assert is_gone(int(output.lines[0]))
    assert monotonic() - begun < 5


def test_a_daemon_that_keeps_the_output_open_holds_up_nobody(
    run: Callable[..., Ending], output: Output
) -> None:
    begun = monotonic()

    ending = run("setsid sh -c 'echo $$; exec sleep 5' & while [ ! -s /dev/null ]; do exit 0; done")

    assert ending.state is JobState.SUCCEEDED
    assert monotonic() - begun < 4


def test_a_command_that_closes_its_output_still_runs_to_its_end(
    run: Callable[..., Ending], tmp_path: Path
) -> None:
    ending = run("exec >&- 2>&-; sleep 0.2; touch done; exit 4")

    assert ending.exit_code == 4
    assert (tmp_path / "done").exists()


def test_an_order_to_stop_kills_the_group(run: Callable[..., Ending], output: Output) -> None:
    stop = StopSignal()
    raised: list[Exception] = []

    def work() -> None:
        try:
            run("sleep 1000 & echo $!; echo ready; wait", stop)
        except JobInterruptedError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    output.wait_for(b"ready")
    stop.give(StopCause.CANCELLED, "the flow was aborted")
    thread.join(PATIENCE)

    assert [str(error) for error in raised] == ["the flow was aborted"]
    assert is_gone(int(output.lines[0]))


def test_a_lease_that_ends_is_an_order_too(run: Callable[..., Ending]) -> None:
    stop = StopSignal(lease_ends=monotonic() + 0.3)

    with pytest.raises(JobInterruptedError):
        run("sleep 1000", stop)

    assert stop.order is not None
    assert stop.order.why is StopCause.LEASE_LOST


def test_a_lease_that_is_extended_in_time_is_none(run: Callable[..., Ending]) -> None:
    stop = StopSignal(lease_ends=monotonic() + 0.3)
    extend = threading.Timer(0.1, lambda: stop.hold_until(monotonic() + 60, monotonic()))
    extend.start()

    assert run("sleep 0.6", stop).state is JobState.SUCCEEDED
    extend.join()


def test_an_order_given_before_starts_nothing(run: Callable[..., Ending], tmp_path: Path) -> None:
    stop = StopSignal()
    stop.give(StopCause.SHUTDOWN, "bye")

    with pytest.raises(JobInterruptedError):
        run("touch started", stop)

    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize(
    ("script", "folder"), [("echo a\0b", "."), ("true", "nowhere"), ("true " * 1_000_000, ".")]
)
def test_what_cannot_be_started_says_why(script: str, folder: str, tmp_path: Path) -> None:
    command = Command(script, tmp_path / folder, {}, 5)

    with pytest.raises(JobError, match="the command could not be started: "):
        PosixShell(ProcessGuard()).run(command, lambda _: None, StopSignal())


def test_a_variable_that_no_process_can_have_is_told(tmp_path: Path) -> None:
    command = Command("true", tmp_path, {"BROKEN": "\ud800"}, 5)

    with pytest.raises(JobError, match="the command could not be started: "):
        PosixShell(ProcessGuard()).run(command, lambda _: None, StopSignal())


def test_no_file_is_left_open(run: Callable[..., Ending]) -> None:
    run("true")
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(5):
        run("echo some output")

    assert len(list(Path("/proc/self/fd").iterdir())) == before
