"""Usage: zygote.py CODE. Imports what functions share, and forks the processes of functions.

A forked worker starts in milliseconds and shares its parent's memory. CODE is the unpacked zip of
a function. Standard input is a Unix socket to the emulator. Every message on it is a JSON object,
after its length in four bytes. The zygote first sends `{"loaded": [package, ...]}`; a request is
`{"script", "folder", "environment"}` and carries four descriptors: the worker's standard input,
output and error, and one that is closed by the worker's end. The answer is `{"pid"}`.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any

PRELOADED = (
    "botocore.handlers",
    "aws_lambda_powertools.metrics",
    "yaml",
    "penstock_shared.service",
)
"""Modules that functions share, and that read nothing of a function's environment when imported."""

_LENGTH = struct.Struct("!I")
_DESCRIPTORS = 4


def send(connection: socket.socket, message: dict[str, Any], files: Sequence[int] = ()) -> None:
    """Send a message, with open files. Raises OSError when nobody is at the other end."""
    content = json.dumps(message).encode()
    socket.send_fds(connection, [_LENGTH.pack(len(content))], files)
    connection.sendall(content)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """The next message and its open files. Raises EOFError when the other end is closed."""
    head, files, _, _ = socket.recv_fds(connection, _LENGTH.size, _DESCRIPTORS)
    if not head:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    content = connection.recv(length, socket.MSG_WAITALL)
    return json.loads(content), list(files)


def serve(connection: socket.socket) -> None:
    """Fork a worker for every request, until the emulator has ended."""
    while True:
        try:
            request, files = receive(connection)
        except EOFError:
            return
        pid = os.fork()
        if pid == 0:
            connection.detach()
            work(request, files)
            return
        for number in files:
            os.close(number)
        send(connection, {"pid": pid})


def work(request: dict[str, Any], files: Sequence[int]) -> None:
    """Be the worker: run its script as a fresh interpreter would."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for standard, number in enumerate(files[:3]):
        os.dup2(number, standard)
        os.close(number)
    os.set_inheritable(files[3], False)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["folder"])
    sys.argv = [request["script"]]
    runpy.run_path(request["script"], run_name="__main__")


def preload(code: str) -> list[str]:
    """Import what is there of the shared modules, and return the names of all packages loaded."""
    sys.path.insert(0, code)
    for name in PRELOADED:
        with contextlib.suppress(Exception):  # the function will say so when it imports it
            importlib.import_module(name)
    sys.path.remove(code)
    return sorted({name.partition(".")[0] for name in sys.modules} - {"__main__"})


def main() -> None:
    """Preload, then fork."""
    # The folder of this script is no place to import from.
    sys.path.pop(0)
    connection = socket.socket(fileno=0)
    loaded = preload(sys.argv[1])
    # Nothing waits for the workers: the system may forget them when they end.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    # A collection in a worker would write to every shared object.
    gc.freeze()
    send(connection, {"loaded": loaded})
    serve(connection)


if __name__ == "__main__":
    main()
