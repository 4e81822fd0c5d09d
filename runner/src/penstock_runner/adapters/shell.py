"""Runs a job's command in a process group of its own, and sees to it that the group ends.

Linux only: a process file descriptor tells of the command's end while its pipe may stay open.
"""

import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from math import ceil, inf
from time import monotonic

from penstock_runner.adapters.guard import ProcessGuard, signal_group
from penstock_runner.domain.interruption import StopSignal
from penstock_runner.domain.ports import Command
from penstock_runner.domain.results import Ending, ending_of
from penstock_runner.errors import JobError, JobInterruptedError
from penstock_shared.contracts.jobs import JobState

GRACE = 2.0
"""Seconds between asking a group of processes to end and killing it."""
DRAIN = 0.5
"""Seconds for which output is read on after everything was killed. Only a process that left the
group can still hold the pipe open then."""
CHUNK = 1 << 16
SIGNAL_EXIT = 128
MARK = "PENSTOCK_JOB_ID"

Write = Callable[[bytes], None]


@dataclass(frozen=True)
class PosixShell:
    """Runs commands with `/bin/sh -e`: a script ends at its first failing command."""

    guard: ProcessGuard

    def run(self, command: Command, write: Write, stop: StopSignal) -> Ending:
        """Run to the end, a timeout or an order to stop; nothing of the command survives it.

        Raises JobError if the command cannot be started, JobInterruptedError if it was stopped.
        """
        stop.check(monotonic())
        mark = f"{MARK}={command.environment.get(MARK, '')}"
        with self.guard.guarding(lambda: _start(command), mark) as process:
            attendance = _Attendance(process, write, stop, monotonic() + command.timeout)
            how = attendance.attend()
        if how is _How.STOPPED:
            raise JobInterruptedError(stop.order.reason if stop.order else "stopped")
        if how is _How.TIMED_OUT:
            return Ending(JobState.TIMED_OUT, reason=f"timed out after {command.timeout:g} s")
        return ending_of(_exit_code(process.returncode))


def _start(command: Command) -> subprocess.Popen[bytes]:
    try:
        # No preexec_fn: with one, Popen would have to copy the runner's page tables each time.
        return subprocess.Popen(
            ["/bin/sh", "-e", "-c", command.script],
            cwd=command.folder,
            env=command.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise JobError(f"the command could not be started: {error}") from error


def _exit_code(returncode: int) -> int:
    return returncode if returncode >= 0 else SIGNAL_EXIT - returncode


class _How(Enum):
    ENDED = auto()
    TIMED_OUT = auto()
    STOPPED = auto()


@dataclass
class _Attendance:
    """Reads a process's output until it ends, and makes it end when it is time."""

    process: subprocess.Popen[bytes]
    write: Write
    stop: StopSignal
    deadline: float
    how: _How = _How.ENDED
    kill_at: float = inf
    exited: bool = False
    output_open: bool = True

    def attend(self) -> _How:
        """How the process ended. Whatever is left of its group is killed."""
        try:
            with self._watched() as (poller, handlers):
                while not self._over():
                    for descriptor, _ in poller.poll(self._patience()):
                        if not handlers[descriptor](descriptor):
                            poller.unregister(descriptor)
                    self._enforce()
        finally:
            self._finish()
        return self.how

    @contextmanager
    def _watched(self) -> Iterator[tuple[select.poll, dict[int, Callable[[int], bool]]]]:
        with ExitStack() as opened:
            ended = os.pidfd_open(self.process.pid)
            opened.callback(os.close, ended)
            ordered = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            opened.callback(os.close, ordered)
            wake = partial(os.eventfd_write, ordered, 1)
            self.stop.listen(wake)
            opened.callback(self.stop.forget, wake)
            handlers = {self._output: self._read, ended: self._note_exit, ordered: _once}
            poller = select.poll()
            for descriptor in handlers:
                poller.register(descriptor, select.POLLIN)
            yield poller, handlers

    @property
    def _output(self) -> int:
        return self.process.stdout.fileno() if self.process.stdout else -1

    def _over(self) -> bool:
        if self.how is _How.ENDED:
            return self.exited
        return (self.exited and not self.output_open) or monotonic() >= self.kill_at

    def _patience(self) -> int | None:
        """Milliseconds until something must be done even if nothing happens."""
        moment = self.kill_at
        if self.how is _How.ENDED:
            moment = min(self.deadline, self.stop.lease_ends)
        return None if moment == inf else max(0, ceil((moment - monotonic()) * 1000))

    def _read(self, descriptor: int) -> bool:
        output = os.read(descriptor, CHUNK)
        if output:
            self.write(output)
        self.output_open = bool(output)
        return self.output_open

    def _note_exit(self, _descriptor: int) -> bool:
        self.exited = True
        return False

    def _enforce(self) -> None:
        if self.exited or self.how is not _How.ENDED:
            return
        try:
            self.stop.check(monotonic())
        except JobInterruptedError:
            self._ask_to_end(_How.STOPPED)
        else:
            if monotonic() >= self.deadline:
                self._ask_to_end(_How.TIMED_OUT)

    def _ask_to_end(self, how: _How) -> None:
        self.how = how
        self.kill_at = monotonic() + GRACE
        signal_group(self.process.pid, signal.SIGTERM)

    def _finish(self) -> None:
        # Killed before it is reaped: until then the number of the group cannot be another's.
        signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._drain()
        if self.process.stdout:
            self.process.stdout.close()

    def _drain(self) -> None:
        until = monotonic() + DRAIN
        poller = select.poll()
        poller.register(self._output, select.POLLIN)
        while self.output_open and (left := until - monotonic()) > 0:
            if poller.poll(left * 1000):
                self._read(self._output)


def _once(_descriptor: int) -> bool:
    return False
