"""Hides the runner's credentials from jobs, as far as one user on one machine allows.

Jobs get their own environment, but a process can read the *initial* environment of any process of
its user in /proc. So the runner restarts itself without its AWS settings, hands them over in
memory, and then closes /proc and its memory to its own user. This does not hold against jobs that
run as root; docs/runner.md says what does.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping, MutableMapping

HANDOVER = "PENSTOCK_RUNNER_HANDOVER"
"""The variable with the number of the file descriptor that holds the settings."""
_PRIVATE = "AWS_"


def hide_credentials(environ: MutableMapping[str, str] = os.environ) -> None:
    """Move the AWS settings out of the environment block that /proc shows.

    If there are any, replaces the process by one with the same arguments and process id.
    """
    if HANDOVER in environ:
        environ.update(_received(int(environ.pop(HANDOVER))))
        return
    private = {name: value for name, value in environ.items() if name.startswith(_PRIVATE)}
    if private:
        public = {name: value for name, value in environ.items() if name not in private}
        public[HANDOVER] = str(_handed_over(private))
        os.execve(sys.executable, sys.orig_argv, public)  # noqa: S606  # its own interpreter


def _handed_over(private: Mapping[str, str]) -> int:
    # A file without a name, not a pipe: a pipe blocks its writer once it is full.
    descriptor = _nameless_file()
    os.write(descriptor, json.dumps(private).encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _nameless_file() -> int:
    """A file in memory if the system supports it, otherwise an unlinked temporary file."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("settings", 0)
    with tempfile.TemporaryFile(buffering=0) as file:
        descriptor = os.dup(file.fileno())
    os.set_inheritable(descriptor, True)
    return descriptor


def _received(descriptor: int) -> dict[str, str]:
    with os.fdopen(descriptor, "rb") as handed_over:
        return dict(json.load(handed_over))
