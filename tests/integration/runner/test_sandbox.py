"""Jobs that try to leave their sandbox are refused or ended with a reason; the runner lives."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from uuid import uuid4

import pytest

from penstock_runner.sandbox.limits import descendants
from penstock_runner.sandbox.probe import failure_of
from penstock_runner.sandbox.unshare import Unshare
from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.jobs import JobResult, JobState
from tests.integration.runner.conftest import StartRunner
from tests.integration.runner.runner_stage import Runner, RunnerStage, eventually
from tests.unit.penstock_runner.test_shell import is_gone

pytestmark = pytest.mark.integration

MIB = 1 << 20
LIMITS = {
    "PENSTOCK_RUNNER_SANDBOX": "required",
    "PENSTOCK_RUNNER_MEMORY_BYTES": str(256 * MIB),
    "PENSTOCK_RUNNER_PROCESSES": "100",
    "PENSTOCK_RUNNER_DISK_BYTES": str(64 * MIB),
}
# A user without rights on the machine, even if the tests run as root.
UNPRIVILEGED = ("unshare", "--user", "--map-user=65000", "--map-group=65000")
USERS = [pytest.param(UNPRIVILEGED, id="unprivileged")] + [
    pytest.param((), id="root") for _ in range(os.getuid() == 0)
]


class Sandboxed:
    """A stage with a runner whose jobs have a sandbox."""

    def __init__(self, stage: RunnerStage, runner: Runner, folder: Path) -> None:
        self.stage, self.runner, self.folder = stage, runner, folder

    def run(self, script: str, **more: object) -> JobResult:
        job = self.stage.job(script, **more)
        self.stage.request(job)
        return self.stage.result(job)


@pytest.fixture(params=USERS)
def sandboxed(
    request: pytest.FixtureRequest, stage: RunnerStage, start_runner: StartRunner, tmp_path: Path
) -> Iterator[Sandboxed]:
    runner = start_runner(stage, prefix=request.param, PENSTOCK_TEST_SECRET="hidden", **LIMITS)
    yield Sandboxed(stage, runner, tmp_path)
    assert runner.process.poll() is None, "the runner is alive"


def test_a_job_sees_its_own_processes_only(sandboxed: Sandboxed) -> None:
    result = sandboxed.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; cat /proc/[0-9]*/environ || :")

    assert "-m penstock_runner" not in result.tail
    assert "hidden" not in result.tail
    assert "AWS_SECRET" not in result.tail


def test_a_job_sees_no_other_job_s_files_and_no_cache(sandboxed: Sandboxed) -> None:
    work = sandboxed.folder / "work" / "release"

    result = sandboxed.run(
        f"ls {work}; ls -d {work}/runner-*/* | wc -l; ls {work}/cache; touch {work}/cache/x"
    )

    assert result.state is JobState.FAILED
    assert "cache" not in result.tail.splitlines()[0]
    assert "No such file or directory" in result.tail
    assert not (work / "cache" / "x").exists()


def test_a_job_has_no_rights_on_the_machine(sandboxed: Sandboxed) -> None:
    result = sandboxed.run(
        "grep CapEff /proc/self/status; id -u; ls -A /root /home /run 2>&1; touch /usr/x /etc/x"
    )

    assert "CapEff:\t0000000000000000" in result.tail
    assert "0" not in result.tail.splitlines()
    assert "docker.sock" not in result.tail
    assert result.state is JobState.FAILED


@pytest.mark.parametrize("sandboxed", USERS[1:], indirect=True)
def test_a_job_of_root_reads_no_file_of_root(sandboxed: Sandboxed) -> None:
    result = sandboxed.run("cat /etc/shadow")

    assert result.state is JobState.FAILED
    assert "Permission denied" in result.tail


def test_a_daemon_ends_with_its_job(sandboxed: Sandboxed) -> None:
    marker = f"1000.{uuid4().int}"

    result = sandboxed.run(f"(setsid env -i /bin/sleep {marker} </dev/null >/dev/null 2>&1 &)")

    assert result.state is JobState.SUCCEEDED
    eventually(lambda: not is_mentioned(marker), "the daemon is gone")


@pytest.mark.parametrize("prefix", USERS)
def test_sandboxes_that_wait_for_jobs_end_with_their_runner(
    stage: RunnerStage, start_runner: StartRunner, prefix: tuple[str, ...]
) -> None:
    runner = start_runner(stage, prefix=prefix, PENSTOCK_RUNNER_SLOTS="2", **LIMITS)
    job = stage.job("true")
    stage.request(job)
    stage.result(job)
    waiting = eventually(lambda: waiting_below(runner.process.pid, 2), "two sandboxes wait")

    runner.kill()

    assert all(is_gone(pid) for pid in waiting)


def waiting_below(runner: int, count: int) -> list[int] | None:
    """The shells that so many sandboxes of this runner hold ready, if all are there."""
    names = {pid: Path(f"/proc/{pid}/comm") for pid in descendants(runner)}
    shells = [pid for pid, name in names.items() if name.exists() and name.read_text() == "sh\n"]
    return shells if len(shells) == count else None


@pytest.mark.parametrize("sandboxed", USERS[:1], indirect=True)
def test_who_forks_without_end_is_ended(sandboxed: Sandboxed) -> None:
    result = sandboxed.run("while :; do sleep 60 & done 2>/dev/null")

    assert result.state is JobState.FAILED
    assert "processes and threads, the limit is 100" in result.reason


# The kernel counts an unprivileged user's processes too, but not where a test of root only plays
# such a user: there a bomb would take the whole machine before the runner looks.
@pytest.mark.parametrize("sandboxed", USERS[1:], indirect=True)
def test_a_fork_bomb_leaves_the_machine_to_the_next_job(sandboxed: Sandboxed) -> None:
    # The kernel refuses its forks; whether it dies of that or the runner ends it is a race.
    sandboxed.run("f() { f | f & }; f 2>/dev/null; sleep 2")

    assert sandboxed.run("echo as ever").tail == "as ever"
    runner = sandboxed.runner.process.pid
    eventually(lambda: len(list(descendants(runner))) < 30, "the bomb is gone")


def test_who_takes_all_memory_is_ended(sandboxed: Sandboxed) -> None:
    script = "x=[]\nwhile True: x.append(bytearray(b'x' * 10_000_000))"

    result = sandboxed.run(f'python3 -c "{script}"')

    assert result.state is JobState.FAILED
    assert result.reason.startswith("killed: ")
    assert result.reason.endswith("MiB of memory, the limit is 256 MiB")


def test_who_fills_the_disk_is_ended(sandboxed: Sandboxed) -> None:
    result = sandboxed.run("while :; do head -c 5000000 /dev/zero >> big; done")

    assert result.state is JobState.FAILED
    assert result.reason.endswith("MiB of disk, the limit is 64 MiB")


def test_a_job_reaches_no_metadata_service(sandboxed: Sandboxed) -> None:
    with stand_in("169.254.169.254") as asked:
        result = sandboxed.run(
            f"curl -sS -m 5 --noproxy '*' http://169.254.169.254:{asked.port}/ || echo refused\n"
            f"curl -sS -m 5 http://169.254.169.254:{asked.port}/\n"
            "curl -sS -m 5 http://169.254.169.254/\n"
            "curl -sS -m 5 http://[fd00:ec2::254]/\n"
            "curl -sS -m 5 http://169.254.169.254.nip.invalid/ || :"
        )

    assert "refused" in result.tail.splitlines()
    assert f"no job may reach 169.254.169.254:{asked.port}" in result.tail
    assert "no job may reach 169.254.169.254:80" in result.tail
    assert "no job may reach fd00:ec2::254:80" in result.tail
    assert asked == []


def test_a_job_of_a_fork_reaches_no_private_network(
    stage: RunnerStage, start_runner: StartRunner
) -> None:
    start_runner(stage, PENSTOCK_RUNNER_TRUST=Trust.FORK, **LIMITS)
    job = stage.job("curl -sS -m 5 http://10.255.255.1/", trust=Trust.FORK)

    stage.request(job)

    assert "no job of a fork may reach 10.255.255.1:80" in stage.result(job).tail


def test_a_job_reaches_no_service_of_the_machine(sandboxed: Sandboxed) -> None:
    with stand_in("127.0.0.1") as asked:
        port = asked.port
        result = sandboxed.run(
            f"curl -sS -m 5 --noproxy '*' http://127.0.0.1:{port}/ || echo direct refused\n"
            f"curl -sS -m 5 --noproxy nothing http://127.0.0.1:{port}/\n"
            f"curl -sS -m 5 --noproxy nothing http://localhost:{port}/"
        )

    assert "direct refused" in result.tail
    assert result.tail.count("no job may reach") == 2
    assert asked == []


def test_only_a_deployment_reaches_the_emulator(sandboxed: Sandboxed) -> None:
    script = f"{signed_call(sandboxed.stage)} || exit 3"

    assert sandboxed.run(script).exit_code == 3
    assert sandboxed.run(script, environment="staging").exit_code == 0


def signed_call(stage: RunnerStage) -> str:
    """A command that asks the emulator, with its key, who it is."""
    keys = stage.emulator.variables
    user = f"{keys['AWS_ACCESS_KEY_ID']}:{keys['AWS_SECRET_ACCESS_KEY']}"
    form = "Action=GetCallerIdentity&Version=2011-06-15"
    return (
        f"curl -sS --fail -m 5 --aws-sigv4 aws:amz:us-east-1:sts --user {user} "
        f"-d '{form}' {stage.emulator.address}/"
    )


def test_a_deployment_whose_tool_asks_the_proxy_for_everything_reaches_the_emulator(
    sandboxed: Sandboxed,
) -> None:
    script = f"{signed_call(sandboxed.stage)} --noproxy nothing || exit 3"
    tunnel = script.replace("--noproxy", "--proxytunnel --noproxy")

    assert sandboxed.run(script).exit_code == 3
    assert sandboxed.run(tunnel).exit_code == 3
    assert sandboxed.run(script, environment="staging").exit_code == 0
    assert sandboxed.run(tunnel, environment="staging").exit_code == 0


def test_a_job_reaches_the_private_places_that_are_named(
    stage: RunnerStage, start_runner: StartRunner
) -> None:
    with stand_in("127.0.0.1") as asked:
        start_runner(stage, PENSTOCK_RUNNER_REACHES=f"127.0.0.1:{asked.port}", **LIMITS)
        job = stage.job(f"curl -sS -m 5 http://127.0.0.1:{asked.port}/index")
        stage.request(job)
        result = stage.result(job)

    assert result.tail == "here"
    assert asked == ["/index"]


def is_mentioned(marker: str) -> bool:
    """Whether the command line of any of the machine's processes has this text in it."""
    return any(marker.encode() in command for command in commands())


def commands() -> Iterator[bytes]:
    """The command lines of all processes of the machine."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # the process has ended
            yield path.read_bytes()


class stand_in(list[str]):  # noqa: N801  # a context manager that reads like a function
    """A web server at this address, which records the requested paths."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self.host = host

    def __enter__(self) -> "stand_in":
        asked = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", "4")
                self.end_headers()
                self.wfile.write(b"here")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = server_at(self.host, Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def server_at(host: str, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """Linux lets a socket listen on an address that no interface has, if it says so.

    Connections from this machine then arrive only if a route leads them here, so the address is
    refused by the job's stage whether or not somebody listens.
    """
    server = ThreadingHTTPServer((host, 0), handler, bind_and_activate=False)
    server.socket.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND, see ip(7)
    server.server_bind()
    server.server_activate()
    return server


def test_unshare_makes_a_sandbox_however_many_files_the_runner_has_open(tmp_path: Path) -> None:
    sandbox = Unshare(Path(which("unshare") or "unshare"), ())

    with ExitStack() as opened:
        for number in range(12):
            opened.enter_context((tmp_path / str(number)).open("w"))

        assert failure_of(sandbox) == ""
