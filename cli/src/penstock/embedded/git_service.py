"""The process of the server to push to: one per home, on the same port as before if it is free."""

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from penstock.embedded.errors import EmbeddedError
from penstock.embedded.home import Home
from penstock.embedded.ports import HOST, keep_port
from penstock.embedded.processes import ProcessBook
from penstock.embedded.waiting import wait_until
from penstock.packaging.digests import digest_of_folders

NAME = "git"
_COMMAND = (sys.executable, "-I", "-m", "penstock.embedded.git_server")
_PATIENCE = 20.0
_STOP_PATIENCE = 5.0
_INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "USER")


def ensure_git_server(home: Home, book: ProcessBook) -> tuple[str, bool]:
    """Make the server run; returns the address to push to, and whether it was started.

    A server of older code is replaced. Raises EmbeddedError when it does not come up.
    """
    if _is_outdated(home):
        stop_git_server(book)
    if NAME in book.alive() and home.git_port_file.is_file():
        return _address(home), False
    port = keep_port(home.git_port_file)
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    process = book.start(NAME, [*_COMMAND, str(home.folder), str(port)], environment)
    wait_until(lambda: _answers(port) or not process.is_alive(), _PATIENCE)
    if not (process.is_alive() and _answers(port)):
        raise EmbeddedError(
            f"The git server did not come up on port {port}. The end of its log, "
            f"{home.logs / NAME}.log:\n{book.last_words(NAME)}"
        )
    return _address(home), True


def stop_git_server(book: ProcessBook) -> None:
    """Stop the server. Pushes are cut off."""
    book.stop([NAME], _STOP_PATIENCE)


def _is_outdated(home: Home) -> bool:
    stamp = home.folder / "git-server.txt"
    now = digest_of_folders([Path(__file__).parent])
    outdated = stamp.is_file() and stamp.read_text() != now
    stamp.write_text(now)
    return outdated


def _address(home: Home) -> str:
    port = int(home.git_port_file.read_text())
    return f"http://{home.git_login()}@{HOST}:{port}"


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False
