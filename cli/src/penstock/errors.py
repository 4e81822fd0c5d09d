"""The error tree of the `penstock` package, and its exit codes."""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """The exit codes of `penstock`; `docs/cli.md` documents them for users."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NO_STACK = 3
    NOT_FOUND = 4
    REFUSED = 5


class CommandError(Exception):
    """An error for a person, shown without a traceback: what happened, where, what to do."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILURE


class UsageError(CommandError):
    """The arguments of the command are invalid."""

    exit_code = ExitCode.USAGE


class NoStackError(CommandError):
    """There is no stack, or it does not answer."""

    exit_code = ExitCode.NO_STACK


class NotFoundError(CommandError):
    """There is no such flow, job or file."""

    exit_code = ExitCode.NOT_FOUND


class RefusedError(CommandError):
    """The request is valid, but the state of the flow does not allow it."""

    exit_code = ExitCode.REFUSED
