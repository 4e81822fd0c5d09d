"""Processes that outlive the command that started them; `down` stops these and no others."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from penstock.embedded.files import replace_text
from penstock.embedded.waiting import wait_until

_PROC = Path("/proc")
_LAST_LINES = 12
_PATIENCE_AFTER_KILL = 5.0


@dataclass(frozen=True)
class Process:
    """A process that `up` started. `started` identifies it, since the system reuses ids."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        return _moment_of_start(self.pid) == self.started


@dataclass(frozen=True)
class ProcessBook:
    """The processes of one home, by name, recorded in a file when they start."""

    file: Path
    logs: Path

    def all(self) -> dict[str, Process]:
        """Every recorded process, dead or alive. An unreadable file counts as empty."""
        try:
            known = json.loads(self.file.read_text())
            return {name: Process(**entry) for name, entry in known.items()}
        except (OSError, ValueError, TypeError):
            return {}

    def alive(self) -> dict[str, Process]:
        return {name: process for name, process in self.all().items() if process.is_alive()}

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Process:
        """Start a process in its own session, so that Ctrl-C does not reach it."""
        with _uninterrupted():
            pid = _spawn(command, environment, self._log(name))
            process = Process(pid, _moment_of_start(pid))
            self._write({**self.all(), name: process})
        return process

    def stop(self, names: Collection[str], patience: float) -> None:
        """Send SIGTERM, wait up to `patience` seconds, then kill the rest and their children."""
        known = self.all()
        going = [known[name] for name in names if name in known and known[name].is_alive()]
        for process in going:
            _signal(process, signal.SIGTERM)
        wait_until(lambda: not any(process.is_alive() for process in going), patience)
        _kill_groups(going)
        self._write({name: known[name] for name in known if name not in names})

    def last_words(self, name: str) -> str:
        """The last lines of the process's log."""
        try:
            lines = self._log(name).read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(lines[-_LAST_LINES:])

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def _write(self, processes: Mapping[str, Process]) -> None:
        text = {name: asdict(process) for name, process in processes.items()}
        replace_text(self.file, json.dumps(text, indent=2))


def _spawn(command: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
    appending = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), appending, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    options: dict[str, Any] = {"file_actions": streams, "setsid": True, "setsigmask": []}
    return os.posix_spawn(command[0], list(command), environment, **options)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold signals back, so that none comes between a process's start and its entry in the file."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill_groups(processes: Sequence[Process]) -> None:
    for process in processes:
        # The system does not reuse a group's id while a process of the group lives.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    wait_until(lambda: not any(process.is_alive() for process in processes), _PATIENCE_AFTER_KILL)


def _signal(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)


def _moment_of_start(pid: int) -> str:
    """Identifies the process among all that have had its id; empty if it does not run."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    if _PROC.is_dir():
        return _moment_in_proc(pid)
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return "" if output.startswith("Z") else output.partition(" ")[2].strip()


def _moment_in_proc(pid: int) -> str:
    try:
        # The name stands in brackets, and may hold spaces and brackets itself.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return "" if fields[0] in "ZX" else f"{boot} {fields[19]}"
