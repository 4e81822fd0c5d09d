"""One running command, wherever it runs."""

import select
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from penstock_runner.adapters.guard import signal_group
from penstock_runner.domain.ports import Command
from penstock_runner.sandbox.limits import Meter

Process = subprocess.Popen[bytes]


class Cell(Protocol):
    """A command that was started. `process` leads its process group."""

    @property
    def process(self) -> Process:
        """The process whose end and output are the command's."""
        ...

    def begin(self) -> None:
        """Let the command begin, which waits until its end is guarded. Raises JobError."""
        ...

    def ask_to_end(self) -> None:
        """Send SIGTERM to the command's processes."""
        ...

    def kill(self) -> None:
        """Kill whatever is left of the command, and wait until it is gone."""
        ...

    def excess(self) -> str:
        """Which limit the command exceeds, for people; empty if none."""
        ...

    def failure(self) -> str:
        """Why the ended process never ran the command; empty if it did."""
        ...


class Sandbox(Protocol):
    """Makes cells for commands."""

    def start(self, command: Command) -> Cell:
        """A cell in which the command waits to begin. Raises JobError if there can be none."""
        ...


@dataclass
class Group:
    """A command that runs as the runner's user in a process group of its own."""

    process: Process
    meter: Meter

    def begin(self) -> None:
        """Let the waiting shell go on."""
        let_in(self.process, b"\n")

    def ask_to_end(self) -> None:
        """Send SIGTERM to the group."""
        signal_group(self.process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the group before its leader is reaped: its number cannot be another's by then."""
        signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def excess(self) -> str:
        """Which limit the leader's descendants exceed."""
        return self.meter.excess()

    def failure(self) -> str:
        """Popen has raised by now if the command could not be started."""
        return ""


def let_in(process: Process, script: bytes) -> None:
    """Give a waiting shell what it reads; one that has ended reads nothing."""
    if process.stdin:
        with suppress(BrokenPipeError), process.stdin as entry:
            entry.write(script)


def await_readable(descriptor: int, seconds: float) -> bool:
    """Whether the descriptor becomes readable in time."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(seconds * 1000))
