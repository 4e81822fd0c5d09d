"""Runs commands without a sandbox, on machines that cannot make one, such as macOS."""

import subprocess
from dataclasses import dataclass, field

from penstock_runner.domain.ports import Command
from penstock_runner.errors import JobError
from penstock_runner.sandbox.cell import Cell, Group
from penstock_runner.sandbox.limits import Limits, Meter

_WAIT = 'read -r _ && unset PWD && exec /bin/sh -e -c "$0" </dev/null'


@dataclass(frozen=True)
class Unconfined:
    """Runs commands as the runner's user; `/bin/sh -e` ends them at their first failure."""

    limits: Limits = field(default_factory=Limits)

    def start(self, command: Command) -> Cell:
        """A cell in which the command waits to begin. Raises JobError."""
        try:
            # No preexec_fn: with one, Popen would copy the runner's page tables for each command.
            process = subprocess.Popen(
                ["/bin/sh", "-c", _WAIT, command.script],
                cwd=command.folder,
                env=command.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise JobError(f"the command could not be started: {error}") from error
        return Group(process, Meter(process.pid, self.limits, command.writable))
