"""Sees to it that no process of a job outlives the job, or the runner.

Three nets. The job's process group is killed when its command has ended. What left the group
(`setsid`, a daemon) becomes the runner's own child, since the runner adopts orphans, and is
killed then too. And a small shell, told of every group, kills them when the runner itself is
killed: it notices by the end of its input.
"""

import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from penstock_runner.adapters.linux import adopt_orphans

_WATCHMAN = """
groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) groups="${groups%% $group *} ${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
"""
_GENERATIONS = 20
"""Each round of killing orphans may orphan their own children in turn."""
_DEATH_PATIENCE = 100
"""Milliseconds to wait for a killed orphan to be gone."""

Process = subprocess.Popen[bytes]


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to every process of a group, if there is any left."""
    with suppress(ProcessLookupError):
        os.killpg(group, number)


@dataclass
class ProcessGuard:
    """Starts the leaders of process groups, one at a time, so that it knows its own children.

    A guard that was made `on_duty` has the other two nets as well; it takes every other child of
    this process for an orphan, so it is for a process that has no other children.
    """

    _watchman: Process | None = None
    _leaders: set[int] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def on_duty(cls) -> "ProcessGuard":
        """A guard that adopts orphans and has its watchman posted."""
        adopt_orphans()
        watchman = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHMAN],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        return cls(watchman)

    @contextmanager
    def guarding(self, start: Callable[[], Process], mark: str) -> Iterator[Process]:
        """Start the leader of a group; whoever uses it sees to the end of that group.

        `mark` is a variable of its environment, NAME=value, that tells its descendants.
        """
        with self._lock:
            process = start()
            self._leaders.add(process.pid)
            self._report("+", process.pid)
        try:
            yield process
        finally:
            with self._lock:
                self._report("-", process.pid)
                self._leaders.remove(process.pid)
                if self._watchman:
                    self._end_orphans(self._watchman.pid, mark.encode())

    def _report(self, sign: str, group: int) -> None:
        if self._watchman and self._watchman.stdin:
            with suppress(BrokenPipeError):
                self._watchman.stdin.write(f"{sign} {group}\n".encode())

    def _end_orphans(self, watchman: int, mark: bytes) -> None:
        for _ in range(_GENERATIONS):
            orphans = _children() - self._leaders - {watchman}
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
        return b""  # the process, or the thread, has ended in the meantime


def _reap(pid: int) -> bool:
    """Whether the process is gone, now that its parent has taken note."""
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
