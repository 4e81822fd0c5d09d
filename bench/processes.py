"""Child processes of the harness. Their output goes to a file, and they are ended by pid."""

import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.errors import SubjectError

STOP_SECONDS = 10
LAST_LINES = 15


class ServerProcess:
    """One running server."""

    def __init__(
        self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str]
    ) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def check_alive(self) -> None:
        """Raise SubjectError with the end of its log if it has ended by itself."""
        code = self._process.poll()
        if code is not None:
            raise SubjectError(f"a server ended with exit code {code}:\n{last_lines(self._log)}")

    def stop(self) -> None:
        """Terminate the process, and kill it if it does not end."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def run(command: Sequence[str | Path], environment: Mapping[str, str]) -> str:
    """Run a command to its end and return its output. Raises SubjectError when it fails."""
    words = " ".join(str(word) for word in command)
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        raise SubjectError(f"{words} could not be run: {error}") from error
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-LAST_LINES:])
        raise SubjectError(f"exit code {done.returncode} of: {words}\n{said}")
    return done.stdout


def wait_until(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until a condition holds. Raises SubjectError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise SubjectError(f"{what} was not ready after {seconds:g} s")
        time.sleep(0.05)


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def last_lines(log: Path) -> str:
    """Return the end of a log, or why there is none."""
    if not log.is_file():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
