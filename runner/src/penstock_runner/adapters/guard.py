"""Ensures that no process of a job outlives the job, its lease or the runner.

Three mechanisms. When the command has ended, its process group is killed. Processes that have left
the group (`setsid`, a daemon) become children of the runner, which adopts orphans, and are killed
too. And the watchman, a separate process, kills the process groups of jobs when the runner is dead,
or frozen for longer than its lease.
"""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Protocol, TypeVar

from penstock_runner.adapters import watchman
from penstock_runner.adapters.linux import adopt_orphans
from penstock_runner.domain.interruption import StopSignal

_GENERATIONS = 20
"""Rounds of killing orphans: each may orphan the children of the killed."""
_DEATH_PATIENCE = 100
"""Milliseconds to wait for the end of a killed orphan."""

Process = subprocess.Popen[bytes]


class HasLeader(Protocol):
    """A process group with its leader."""

    @property
    def process(self) -> Process:
        """The leader of a process group."""
        ...


L = TypeVar("L", bound=HasLeader)


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to every remaining process of a group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


@dataclass
class Watchman:
    """Starts the watchman, and sends it each group and its lease."""

    process: Process
    _groups: set[int] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def post(cls) -> "Watchman":
        """Start the watchman's process."""
        return cls(
            subprocess.Popen(
                [sys.executable, "-I", "-S", watchman.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                bufsize=0,
                start_new_session=True,
            )
        )

    def watch(self, group: int) -> None:
        """Kill this group when the runner is dead."""
        with self._lock:
            self._groups.add(group)
            self._order(f"+ {group} inf")

    def hold(self, group: int, moment: float) -> None:
        """Kill the group at this time of the monotonic clock, too; does nothing once forgotten."""
        with self._lock:
            if group in self._groups:
                self._order(f"+ {group} {moment}")

    def forget(self, group: int) -> None:
        """The group has ended; the system may reuse its number."""
        with self._lock:
            self._groups.discard(group)
            self._order(f"- {group}")

    def _order(self, order: str) -> None:
        if self.process.stdin:
            with suppress(BrokenPipeError):
                self.process.stdin.write(f"{order}\n".encode())


@dataclass
class ProcessGuard:
    """Starts the leaders of process groups, one at a time, so that it knows its own children.

    A guard made by `on_duty` also kills orphans and has a watchman. It treats every child of this
    process that is neither a leader nor in `helpers` as an orphan.
    """

    watchman: Watchman | None = None
    helpers: set[int] = field(default_factory=set)
    _leaders: set[int] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def on_duty(cls) -> "ProcessGuard":
        """A guard that adopts orphans and has started its watchman."""
        adopt_orphans()
        watchman = Watchman.post()
        return cls(watchman, {watchman.process.pid})

    @contextmanager
    def guarding(self, start: Callable[[], L], mark: str, stop: StopSignal) -> Iterator[L]:
        """Start the leader of a group that ends with its lease; the caller kills the group.

        `mark` is a variable, NAME=value, by whose presence descendants are recognised.
        """
        with self._lock:
            led = start()
            self._leaders.add(led.process.pid)
            self.helpers.discard(led.process.pid)
        try:
            with self._watching(led.process.pid, stop):
                yield led
        finally:
            with self._lock:
                self._leaders.remove(led.process.pid)
                if self.watchman:
                    self._end_orphans(mark.encode())

    def hire(self, start: Callable[[], L]) -> L:
        """Start a helper: a child that is no job's until it is guarded, and ends by itself."""
        with self._lock:
            led = start()
            self.helpers.add(led.process.pid)
        return led

    def dismiss(self, led: HasLeader) -> None:
        """Forget a helper that has ended."""
        with self._lock:
            self.helpers.discard(led.process.pid)

    @contextmanager
    def _watching(self, group: int, stop: StopSignal) -> Iterator[None]:
        if self.watchman is None:
            yield
            return
        watchman = self.watchman
        watchman.watch(group)
        with stop.holding(lambda moment: watchman.hold(group, moment)):
            try:
                yield
            finally:
                watchman.forget(group)

    def _end_orphans(self, mark: bytes) -> None:
        for _ in range(_GENERATIONS):
            orphans = _children() - self._leaders - self.helpers
            doomed = [pid for pid in orphans if not _reap(pid) and self._is_over(pid, mark)]
            if not doomed:
                return
            for pid in doomed:
                _kill(pid)

    def _is_over(self, pid: int, mark: bytes) -> bool:
        return not self._leaders or mark in _environment_of(pid)


def _children() -> set[int]:
    """The children of this process, whichever thread started or adopted them."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(pid) for children in lists for pid in _read(children).split()}


def _environment_of(pid: int) -> list[bytes]:
    return _read(Path(f"/proc/{pid}/environ")).split(b"\0")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # the process or the thread has ended


def _reap(pid: int) -> bool:
    """Reap the process if it has ended; whether it is gone."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _kill(pid: int) -> None:
    ended = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        poller = select.poll()
        poller.register(ended, select.POLLIN)
        poller.poll(_DEATH_PATIENCE)
    finally:
        os.close(ended)
