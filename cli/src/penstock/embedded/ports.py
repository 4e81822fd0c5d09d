"""Ports on loopback that a home keeps."""

import contextlib
import random
import socket
from pathlib import Path

from penstock.embedded.files import replace_text
from penstock.embedded.waiting import wait_until

HOST = "127.0.0.1"
_PATIENCE = 3.0
# Below the ephemeral ports, so that no outgoing connection takes ours while the stack is down.
_PORTS = range(20_000, 32_000)


def keep_port(file: Path) -> int:
    """The port that is written in the file, or another one if that is taken. The file keeps it."""
    port = _port_before(file) or next(
        port for port in random.sample(_PORTS, len(_PORTS)) if _is_free(port)
    )
    replace_text(file, str(port))
    return port


def _port_before(file: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        before = int(file.read_text())
        # The threads of a killed process may hold the port a moment longer.
        if wait_until(lambda: _is_free(before), _PATIENCE):
            return before
    return None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
