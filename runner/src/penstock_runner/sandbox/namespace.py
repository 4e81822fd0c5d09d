"""A command in its own process namespace, which ends with its first process."""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass

from penstock_runner.adapters.guard import signal_group
from penstock_runner.errors import JobError
from penstock_runner.sandbox.cell import Process, await_readable, let_in
from penstock_runner.sandbox.limits import Meter, descendants
from penstock_runner.sandbox.network import Network

EXIT_CODE = b"exit-code"
"""bubblewrap writes this to its status descriptor only if it could start the command."""
_DEATH_PATIENCE = 10.0
"""Seconds to wait for the end of a killed namespace: a process may be busy in the kernel."""


@dataclass
class Namespace:
    """The cell of a command in its own process namespace.

    `init` is the namespace's first process. `died` is a descriptor that becomes readable when that
    process, and with it every process in the namespace, has ended.
    """

    process: Process
    init: int
    died: int
    status: int
    meter: Meter
    network: Network | None
    script: bytes
    deploys: bool
    ran: bool = False
    over: bool = False

    def begin(self) -> None:
        """Open the network's doors and let the waiting shell read the script. Raises JobError."""
        try:
            self.enter_network()
        except JobError:
            self.kill()
            raise
        let_in(self.process, self.script)

    def enter_network(self) -> None:
        """Open those of the network's doors that the command may use. Raises JobError."""
        if self.network:
            self.network.enter(self.init, deploys=self.deploys)

    def ask_to_end(self) -> None:
        """Send SIGTERM to the command's processes, but not to those of the sandbox."""
        for pid in list(descendants(self.init)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the namespace, which ends every process in it, daemons included."""
        if self.over:
            return
        self.over = True
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.died, signal.SIGKILL)
        await_readable(self.died, _DEATH_PATIENCE)
        os.close(self.died)
        signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()
        with os.fdopen(self.status, "rb") as status:
            self.ran = EXIT_CODE in status.read()
        if self.network:
            self.network.leave(self.init)

    def excess(self) -> str:
        """Which limit the processes of the namespace exceed."""
        return self.meter.excess()

    def failure(self) -> str:
        """Why the command was never run; valid after `kill`."""
        return "" if self.ran else "the sandbox could not be made; the output says why"


def death_of(process: Process, init: int, status: int) -> int:
    """A descriptor for the end of the process. Raises JobError if it has ended already."""
    try:
        return os.pidfd_open(init)
    except OSError as error:
        raise unmade(process, status, error) from error


def unmade(process: Process, status: int, error: Exception) -> JobError:
    """Kill an incomplete sandbox; returns the error, with its output."""
    signal_group(process.pid, signal.SIGKILL)
    said = process.communicate()[0].decode(errors="replace").strip()
    os.close(status)
    return JobError(f"the sandbox could not be made: {said or error}")
