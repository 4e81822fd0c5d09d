"""The script that the shell inside a sandbox reads from its standard input to run the command.

It sets the job's environment inside the sandbox: outside, a job's LD_PRELOAD would affect the
program that makes the sandbox, and every user of the machine can read arguments.
"""

import re
from shlex import quote

from penstock_runner.domain.ports import Command
from penstock_runner.errors import JobError
from penstock_runner.sandbox.limits import Limits

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_BLOCK = 512
"""Bytes: the unit of `ulimit -f` in POSIX shells."""
_HEADROOM = 1 << 30
_MORE_PROCESSES = 16
LONGEST_ARGUMENT = (1 << 17) - 1
"""Bytes: Linux's MAX_ARG_STRLEN, which includes a final zero."""


def script_of(command: Command, limits: Limits) -> bytes:
    """A shell script that sets limits and the environment, and runs the command.

    Raises JobError for variables and commands that no process can have.
    """
    # The kernel's limit is higher than the runner's, so that the runner can report the excess.
    processes = limits.processes + _MORE_PROCESSES
    lines = [
        "ulimit -c 0",
        f"ulimit -f {(limits.disk + _HEADROOM) // _BLOCK}",
        f"ulimit -u {processes} 2>/dev/null || ulimit -p {processes}",  # dash has -p
        # When memory runs out, the kernel kills a job first.
        "echo 1000 2>/dev/null >/proc/self/oom_score_adj",
        f"cd {_quoted(str(command.begins_in))} || exit 127",
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
