"""Starts functions' processes as forks of one that has their packages in memory already."""

import hashlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from penstock.emulation import zygote

MOST_ZYGOTES = 4
"""Zygotes kept, the ones used last: each release of a shared package needs one of its own."""

_ENDED = -1
# Variables that an interpreter or its C library reads before any code runs.
_READ_AT_START = ("PYTHON", "LD_", "DYLD_", "MALLOC_", "_LAMBDA_LAYERS_DIRS")


def fork_functions() -> None:
    """Let ministack start Python functions by forking."""
    from ministack.core import lambda_runtime

    lambda_runtime.subprocess = SimpleNamespace(
        Popen=Nursery().start,
        PIPE=subprocess.PIPE,
        STDOUT=subprocess.STDOUT,
        DEVNULL=subprocess.DEVNULL,
    )


class Forked:
    """A forked process, with as much of `subprocess.Popen` as ministack uses.

    Its exit code is unknown to all but its parent, the zygote: here it is -1.
    """

    pid = 0

    def __init__(self, pipes: Sequence[int]) -> None:
        self.stdin = os.fdopen(pipes[0], "w", buffering=1, encoding="utf-8")
        self.stdout = os.fdopen(pipes[1], encoding="utf-8", errors="replace")
        self.stderr = os.fdopen(pipes[2], encoding="utf-8", errors="replace")
        self._life = pipes[3]
        weakref.finalize(self, os.close, pipes[3])
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        """Close its pipes."""
        for pipe in (self.stdin, self.stdout, self.stderr):
            pipe.close()

    def _signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _look(self, seconds: float | None) -> int | None:
        if self.returncode is None:
            end = select.poll()
            end.register(self._life, select.POLLIN)
            if end.poll(None if seconds is None else seconds * 1000):
                self.returncode = _ENDED
        return self.returncode


class Zygote:
    """A process that has loaded the shared packages of a function's code, and can fork."""

    def __init__(self, code: Path, content: Mapping[str, str]) -> None:
        self._connection, its = socket.socketpair()
        self._content = content
        with its:
            command = [sys.executable, zygote.__file__, str(code)]
            self._process = subprocess.Popen(command, stdin=its.fileno())
        self._loaded = zygote.receive(self._connection)[0]["loaded"]

    def suits(self, content: Mapping[str, str]) -> bool:
        """Whether a function with these packages would have loaded the very same."""
        return all(content.get(name) == self._content.get(name) for name in self._loaded)

    def fork(self, script: str, folder: str, environment: Mapping[str, str]) -> Forked:
        """Start a worker. Raises OSError or EOFError when the zygote has ended."""
        request = {"script": script, "folder": folder, "environment": dict(environment)}
        to_worker, *from_worker = (os.pipe() for _ in range(4))
        pairs = (to_worker, *(pair[::-1] for pair in from_worker))
        worker = Forked([ours for _, ours in pairs])
        try:
            worker.pid = self._ask(request, [its for its, _ in pairs])
        except (OSError, EOFError):
            worker.close()
            raise
        finally:
            for its, _ in pairs:
                os.close(its)
        return worker

    def _ask(self, request: dict[str, Any], files: Sequence[int]) -> int:
        zygote.send(self._connection, request, files)
        return int(zygote.receive(self._connection)[0]["pid"])

    def end(self) -> None:
        """Let it end; what it has forked lives on."""
        self._connection.close()
        self._process.wait()


class Nursery:
    """Starts workers, each as a fork of the zygote that suits it."""

    def __init__(self) -> None:
        self._zygotes: list[Zygote] = []
        self._contents: dict[Path, Mapping[str, str]] = {}
        self._lock = threading.Lock()

    def start(self, command: Sequence[str], **options: Any) -> Any:
        """As `subprocess.Popen`, and that is what it is for all but workers in Python."""
        environment = options.get("env") or {}
        if command[0] != sys.executable or reads_at_start(environment):
            return subprocess.Popen(command, **options)
        folder = options["cwd"]
        try:
            with self._lock:
                return self._zygote_for(Path(folder)).fork(command[1], folder, environment)
        except (OSError, EOFError):
            self.end()
            return subprocess.Popen(command, **options)

    def _zygote_for(self, code: Path) -> Zygote:
        if code.resolve() not in self._contents:
            self._contents[code.resolve()] = packages(code.with_name("code.zip"))
        content = self._contents[code.resolve()]
        found = next((each for each in self._zygotes if each.suits(content)), None)
        if found:
            self._zygotes.remove(found)
        self._zygotes.append(found or Zygote(code.resolve(), content))
        while len(self._zygotes) > MOST_ZYGOTES:
            self._zygotes.pop(0).end()
        return self._zygotes[-1]

    def end(self) -> None:
        """End all zygotes; workers live on."""
        with self._lock:
            while self._zygotes:
                self._zygotes.pop().end()


def reads_at_start(environment: Mapping[str, str]) -> bool:
    """Whether the function has a variable that a fork would come too late for."""
    own = (name for name, value in environment.items() if os.environ.get(name) != value)
    return any(name.startswith(_READ_AT_START) for name in own)


def packages(archive: Path) -> dict[str, str]:
    """A hash of the content of each top-level package and module in a zip, by its name."""
    content: dict[str, Any] = {}
    with zipfile.ZipFile(archive) as opened:
        for each in sorted(opened.infolist(), key=lambda each: each.filename):
            name = re.split("[/.]", each.filename)[0]
            line = f"{each.filename} {each.CRC} {each.file_size}\n"
            content.setdefault(name, hashlib.sha256()).update(line.encode())
    return {name: found.hexdigest() for name, found in content.items()}
