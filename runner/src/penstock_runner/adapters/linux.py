"""Linux calls that Python has no function for. On other systems they do nothing."""

import ctypes
import os
import sys

_SET_DUMPABLE = 4
_SET_CHILD_SUBREAPER = 36


def is_linux() -> bool:
    """Whether this machine has /proc, process file descriptors and namespaces."""
    return sys.platform == "linux"


def refuse_inspection() -> None:
    """Close this process's memory and environment in /proc to other processes of its user.

    Does not hold against root: https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html
    """
    _prctl(_SET_DUMPABLE, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose parents have ended."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if not is_linux():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
