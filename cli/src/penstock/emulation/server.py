"""Runs the emulator's process, from its start to its last save."""

import asyncio
import contextlib
import gc
import os
import resource
import runpy
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from penstock.emulation.admission import Admission
from penstock.emulation.enforcement import (
    as_encrypted,
    ask_for_rights_as_aws_does,
    is_enforced,
)
from penstock.emulation.forking import fork_functions
from penstock.emulation.functions import (
    keep_recent_executions,
    settle_cut_off_updates,
    unpack_once,
    use_no_more_workers_than_cores,
)
from penstock.emulation.hops import shorten_delays
from penstock.emulation.keys import hide_keys_of_functions, secret_of
from penstock.emulation.kinds import App
from penstock.emulation.logs import JobLogs, keep_logs_short
from penstock.emulation.peers import may_speak
from penstock.emulation.saver import Saver
from penstock.emulation.signatures import Signatures
from penstock.emulation.snapshots import Changes
from penstock.emulation.state import (
    journal_in,
    keep_state_in,
    note_changes,
    noting_writes,
    share_function_code,
    snapshots_in,
)
from penstock.emulation.workers import end_functions_with_the_emulator, let_calls_end


async def serve(folder: Path) -> None:
    """Serve until SIGTERM or SIGINT, then save once more."""
    from ministack import app

    changes = Changes()
    logs = JobLogs(folder / "logs")
    snapshots = snapshots_in(folder / "snapshots", logs)
    journal = journal_in(folder / "items")
    keep_state_in(snapshots, journal)
    note_changes(changes)
    shorten_delays()
    use_no_more_workers_than_cores()
    keep_logs_short(logs)
    settle_cut_off_updates()
    keep_recent_executions()
    share_function_code()
    unpack_once(folder / "tmp")
    fork_functions()
    end_functions_with_the_emulator()
    let_calls_end()
    hide_keys_of_functions()
    ask_for_rights_as_aws_does()
    saver = Saver(snapshots, changes, journal)
    saving = asyncio.create_task(saver.run())
    await _serve_until_signalled(counted(guarded(noting_writes(app.app, changes))))
    saving.cancel()
    saver.save_now()


def guarded(app: App) -> App:
    """The app, for those who may use it."""
    if is_enforced():
        app = as_encrypted(app)
    return Admission(app, int(os.environ["GATEWAY_PORT"]), Signatures(secret_of), may_speak)


def counted(app: App) -> App:
    """The app, wrapped by the file that PENSTOCK_COUNT_CALLS names, if it is set.

    Benchmarks count calls with it.
    """
    counter = os.environ.get("PENSTOCK_COUNT_CALLS")
    if not counter:
        return app
    wrapped: App = runpy.run_path(counter)["wrap"](app)
    return wrapped


class OneWrite:
    """A transport that joins all writes of one turn of the event loop into one.

    uvicorn writes the head and the body of a response separately: two packets, for which the
    client wakes up twice.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._waiting:
            self._transport.write(b"".join(self._waiting))
            self._waiting.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def _serve_until_signalled(app: App) -> None:
    import uvicorn
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class Protocol(HttpToolsProtocol):  # type: ignore[misc]  # not installed where types are checked
        def connection_made(self, transport: Any) -> None:
            super().connection_made(OneWrite(transport))

    class Server(uvicorn.Server):  # type: ignore[misc]  # not installed where types are checked
        def capture_signals(self) -> contextlib.AbstractContextManager[None]:
            # The handlers of uvicorn would end the process before the last save.
            return contextlib.nullcontext()

        def stop(self) -> None:
            self.should_exit = True

    config = uvicorn.Config(
        app,
        host=os.environ["BIND_HOST"],
        port=int(os.environ["GATEWAY_PORT"]),
        http=Protocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        date_header=False,
        server_header=False,
        timeout_keep_alive=75,
        # Long polls would delay a shutdown; their callers try again.
        timeout_graceful_shutdown=1,
    )
    server = Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.stop)
    await server.serve()


def _raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    with contextlib.suppress(ValueError, OSError):  # the soft limit will have to do
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def run(folder: Path) -> None:
    """Run until SIGTERM or SIGINT, with all state in this folder."""
    import uvloop

    # What the emulator and its functions write is for this user alone.
    os.umask(0o077)
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)
    _raise_file_limit()
    # Threads do short work that the serving thread waits for; the default of 5 ms delays each.
    sys.setswitchinterval(0.0005)
    # The emulator has many long-lived objects: frequent collections cost much and find little.
    gc.set_threshold(20_000, 20, 50)
    uvloop.run(serve(folder))
