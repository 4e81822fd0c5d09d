"""Lets one `up` or `down` run at a time in one home."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from penstock.embedded.errors import EmbeddedError
from penstock.embedded.home import Home


@contextmanager
def only_one(home: Home, say_that_we_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the home's lock. The kernel releases it with the process, so it is never stale.

    Raises EmbeddedError where the home cannot be made.
    """
    try:
        home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        said = f"{home.folder} cannot be the stack's home: {error.strerror}"
        raise EmbeddedError(f"{said}. Name another one with --home") from error
    with home.lock_file.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say_that_we_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
