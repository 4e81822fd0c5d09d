"""Runs a job's command in a sandbox, reads its output, and stops it when it must end.

On Linux a process file descriptor signals the command's end, since its pipe may stay open for
longer. Elsewhere the shell polls several times a second.
"""

import os
import select
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from math import ceil, inf
from time import monotonic

from penstock_runner.adapters.guard import ProcessGuard
from penstock_runner.adapters.linux import is_linux
from penstock_runner.domain.interruption import StopCause, StopSignal
from penstock_runner.domain.ports import Command
from penstock_runner.domain.results import Ending, ending_of
from penstock_runner.errors import JobError, JobInterruptedError
from penstock_runner.sandbox.cell import Cell, Sandbox
from penstock_runner.sandbox.unconfined import Unconfined
from penstock_shared.contracts.jobs import JobState

GRACE = 2.0
"""Seconds between asking processes to end and killing them."""
DRAIN = 0.5
"""Seconds for which output is still read after the kill. Only a process that left the group can
then hold the pipe open."""
LOOK_EVERY = 0.1
"""Seconds between two checks of the limits; at least LOOK_SHARE times the duration of a check."""
LOOK_SHARE = 10
END_LOOK = 0.02
"""Seconds between two polls for the command's end, on systems that do not signal it."""
CHUNK = 1 << 16
SIGNAL_EXIT = 128
MARK = "PENSTOCK_JOB_ID"

Write = Callable[[bytes], None]


@dataclass(frozen=True)
class PosixShell:
    """Runs commands with `/bin/sh -e`: a script ends at its first failing command."""

    guard: ProcessGuard
    sandbox: Sandbox = field(default_factory=Unconfined)

    def run(self, command: Command, write: Write, stop: StopSignal) -> Ending:
        """Run to the end, a timeout or an order to stop; no process of the command survives it.

        Raises JobError if the command cannot be started, JobInterruptedError if it was stopped or
        its lease has ended, even if the command succeeded: the job is no longer this runner's.
        """
        stop.check(monotonic())
        mark = f"{MARK}={command.environment.get(MARK, '')}"
        with self.guard.guarding(lambda: self.sandbox.start(command), mark, stop) as cell:
            cell.begin()
            supervision = _Supervision(cell, write, stop, monotonic() + command.timeout)
            how = supervision.supervise()
        if how is _EndedBy.STOPPED or stop.has_run_out(monotonic()):
            raise JobInterruptedError(stop.order.reason if stop.order else "stopped")
        if how is _EndedBy.TIMED_OUT:
            return Ending(JobState.TIMED_OUT, reason=f"timed out after {command.timeout:g} s")
        if how is _EndedBy.EXCEEDED:
            return Ending(JobState.FAILED, reason=f"killed: {supervision.excess}")
        if failure := cell.failure():
            raise JobError(failure)
        return ending_of(_exit_code(cell.process.returncode))


def _exit_code(returncode: int) -> int:
    return returncode if returncode >= 0 else SIGNAL_EXIT - returncode


class _EndedBy(Enum):
    ENDED = auto()
    TIMED_OUT = auto()
    STOPPED = auto()
    EXCEEDED = auto()


@dataclass
class _Supervision:
    """Reads a command's output until it ends, and stops it when it must end."""

    cell: Cell
    write: Write
    stop: StopSignal
    deadline: float
    how: _EndedBy = _EndedBy.ENDED
    kill_at: float = inf
    look_at: float = field(default_factory=lambda: monotonic() + LOOK_EVERY)
    excess: str = ""
    exited: bool = False
    output_open: bool = True

    def supervise(self) -> _EndedBy:
        """Wait for the end; returns how it came about. Kills the rest of the process group."""
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
            ordered, order = os.pipe()
            opened.callback(os.close, ordered)
            opened.callback(os.close, order)

            def wake() -> None:
                os.write(order, b"!")

            self.stop.listen(wake)
            opened.callback(self.stop.forget, wake)
            handlers: dict[int, Callable[[int], bool]] = {self._output: self._read, ordered: _once}
            if is_linux():
                ended = os.pidfd_open(self.process.pid)
                opened.callback(os.close, ended)
                handlers[ended] = self._note_exit
            poller = select.poll()
            for descriptor in handlers:
                poller.register(descriptor, select.POLLIN)
            yield poller, handlers

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process whose end is the end of the command."""
        return self.cell.process

    @property
    def _output(self) -> int:
        return self.process.stdout.fileno() if self.process.stdout else -1

    def _over(self) -> bool:
        if self.how is _EndedBy.ENDED:
            return self.exited
        return (self.exited and not self.output_open) or monotonic() >= self.kill_at

    def _patience(self) -> int | None:
        """Milliseconds until the next deadline; None if there is none."""
        moment = self.kill_at
        if self.how is _EndedBy.ENDED:
            moment = min(self.deadline, self.stop.lease_ends, self.look_at)
        if not is_linux():
            moment = min(moment, monotonic() + END_LOOK)
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
        if not is_linux():
            self.exited = self.process.poll() is not None
        if self.exited or self.how is not _EndedBy.ENDED:
            return
        try:
            self.stop.check(monotonic())
        except JobInterruptedError:
            self._ask_to_end(_EndedBy.STOPPED)
        else:
            if monotonic() >= self.deadline:
                self._ask_to_end(_EndedBy.TIMED_OUT)
            elif monotonic() >= self.look_at:
                self._look()

    def _look(self) -> None:
        begun = monotonic()
        self.excess = self.cell.excess()
        self.look_at = monotonic() + max(LOOK_EVERY, LOOK_SHARE * (monotonic() - begun))
        if self.excess:
            self.how, self.kill_at = _EndedBy.EXCEEDED, begun

    def _ask_to_end(self, how: _EndedBy) -> None:
        self.how = how
        if self.stop.order and self.stop.order.why is StopCause.LEASE_LOST:
            self.kill_at = monotonic()  # no grace: another runner may start the job now
            return
        self.kill_at = monotonic() + GRACE
        self.cell.ask_to_end()

    def _finish(self) -> None:
        self.cell.kill()
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
