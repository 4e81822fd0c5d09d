"""What the shell inside a sandbox reads from its standard input to become the command.

The sandbox is made with an empty environment: its maker runs outside of it, so that a job's
LD_PRELOAD must not reach it, and arguments are seen by every user of the machine.
"""

import re
from shlex import quote

from penstock_runner.domain.ports import Command
from penstock_runner.errors import JobError
from penstock_runner.sandbox.limits import Limits

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_BLOCK = 512
"""Bytes: the unit in which POSIX shells take the largest size of a file."""
_HEADROOM = 1 << 30
_MORE_PROCESSES = 16
LONGEST_ARGUMENT = (1 << 17) - 1
"""Bytes: Linux's MAX_ARG_STRLEN, with the zero at its end."""


def script_of(command: Command, limits: Limits) -> bytes:
    """A shell script that limits itself, sets the environment and runs the command.

    Raises JobError for what no process can be given.
    """
    # The kernel allows some more than the runner, so that the runner sees the excess and names it.
    processes = limits.processes + _MORE_PROCESSES
    lines = [
        "ulimit -c 0",
        f"ulimit -f {(limits.disk + _HEADROOM) // _BLOCK}",
        f"ulimit -u {processes} 2>/dev/null || ulimit -p {processes}",  # other shells; dash
        # When the machine's memory ends, the kernel ends a job first.
        "echo 1000 2>/dev/null >/proc/self/oom_score_adj",
        f"cd {_quoted(str(command.folder))} || exit 127",
        "unset PWD OLDPWD",
        *(_export(name, value) for name, value in command.environment.items()),
        f"exec /bin/sh -e -c {_quoted(command.script)} </dev/null",
    ]
    return "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")


def _export(name: str, value: str) -> str:
    if not _NAME.fullmatch(name):
        raise JobError(f"the command could not be started: no shell has a variable named {name!r}")
    return f"export {name}={_quoted(value)}"


def _quoted(text: str) -> str:
    if "\0" in text:
        raise JobError("the command could not be started: embedded null byte")
    if len(text.encode("utf-8", "surrogateescape")) > LONGEST_ARGUMENT:
        raise JobError("the command could not be started: Argument list too long")
    return quote(text)
