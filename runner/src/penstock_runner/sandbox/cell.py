"""The interface of a running command in any sandbox."""

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
    """A started command. `process` leads its process group."""

    @property
    def process(self) -> Process:
        """The process whose end and output are those of the command."""
        ...

    def begin(self) -> None:
        """Let the waiting command begin, once its end is guarded. Raises JobError."""
        ...

    def ask_to_end(self) -> None:
        """Send SIGTERM to the command's processes."""
        ...

    def kill(self) -> None:
        """Kill every process of the command, and wait for their end."""
        ...

    def excess(self) -> str:
        """Which limit the command exceeds, for people; empty if none."""
        ...

    def failure(self) -> str:
        """Why the command was never run; empty if it was."""
        ...


class Sandbox(Protocol):
    """Makes cells for commands."""

    def start(self, command: Command) -> Cell:
        """A cell in which the command waits to begin. Raises JobError if it cannot be made."""
        ...


@dataclass
class Group:
    """A command that runs as the runner's user in its own process group."""

    process: Process
    meter: Meter

    def begin(self) -> None:
        """Let the waiting shell continue."""
        let_in(self.process, b"\n")

    def ask_to_end(self) -> None:
        """Send SIGTERM to the group."""
        signal_group(self.process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the group before its leader is reaped: until then its number is not reused."""
        signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def excess(self) -> str:
        """Which limit the leader's descendants exceed."""
        return self.meter.excess()

    def failure(self) -> str:
        """Always empty: if the command cannot be started, Popen raises."""
        return ""


def let_in(process: Process, script: bytes) -> None:
    """Write the script that a waiting shell reads; does nothing if the shell has ended."""
    if process.stdin:
        with suppress(BrokenPipeError), process.stdin as entry:
            entry.write(script)


def await_readable(descriptor: int, seconds: float) -> bool:
    """Whether the descriptor becomes readable in time."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(seconds * 1000))
