"""The one error tree of the `penstock` package, and the exit codes that it ends with."""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What an exit code of `penstock` means; `docs/cli.md` says the same to its users."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NO_STACK = 3
    NOT_FOUND = 4
    REFUSED = 5


class PenstockError(Exception):
    """What a person is told, and never a traceback: what happened, where, and what to do."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILURE


class UsageError(PenstockError):
    """The command was called in a way that makes no sense."""

    exit_code = ExitCode.USAGE


class NoStackError(PenstockError):
    """There is no stack to talk to, or it does not answer."""

    exit_code = ExitCode.NO_STACK


class NotFoundError(PenstockError):
    """There is no such flow, job or file."""

    exit_code = ExitCode.NOT_FOUND


class RefusedError(PenstockError):
    """What was asked for can be understood, but not done any more, or not yet."""

    exit_code = ExitCode.REFUSED
