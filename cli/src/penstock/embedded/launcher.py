"""Runs ministack, the emulator, so that what it holds survives and its hops are quick.

A script for the emulator's own interpreter (`.tools/emulator`), which has no Penstock in it: it
imports nothing but the standard library, ministack and the server. It reaches into ministack's
modules, so requirements/emulator.in pins ministack exactly; every reach is in this file, with its
reason.

Usage: launcher.py FOLDER, with the environment that `penstock.embedded.emulator` makes. FOLDER
holds `snapshots/<number>/<service>.json`, the link `snapshots/current` to the newest whole one,
`lambda-blobs/` (function zips by hash), `objects/` (S3) and `tmp/` (unpacked functions).
"""

import asyncio
import contextlib
import contextvars
import copy
import functools
import gc
import hashlib
import json
import os
import re
import resource
import runpy
import shutil
import signal
import sys
import threading
import time
import traceback
import zipfile
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

SAVE_INTERVAL = 0.75
"""Seconds between saves: with the time that a save takes, a kill -9 costs a second at most."""
SETTLE = 3.0
"""Seconds for which saving goes on after the last change seen: a state machine's last step, say,
is seen by nobody."""
SAVE_PATIENCE = 30
"""Seconds after which a save that hangs is given up; the next one starts afresh."""
WORKER_PATIENCE = 1.0
"""Seconds to wait for a function's worker before one more is started: longer than a start takes."""
CROWD_PATIENCE = 5.0
"""Seconds to wait where there is a worker for each core already."""
LOG_STREAMS_KEPT = 300
"""Of each function's log; ministack writes one stream an invocation and would keep them all."""

_PORT_FILE = "port"

Scope = MutableMapping[str, Any]
App = Callable[
    [Scope, Callable[..., Awaitable[Any]], Callable[..., Awaitable[Any]]], Awaitable[None]
]
Result = TypeVar("Result")


class Changes:
    """Knows when something last changed, so that an idle emulator saves nothing."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def note(self) -> None:
        self._last = time.monotonic()

    def since(self, moment: float) -> bool:
        return self._last >= moment - SETTLE

    def after(
        self, function: Callable[..., Result], *, only_if_result: bool = False
    ) -> Callable[..., Result]:
        """The same function, noting a change after each call."""

        def noting(*args: Any, **kwargs: Any) -> Result:
            result = function(*args, **kwargs)
            if result or not only_if_result:
                self.note()
            return result

        return noting


class Snapshots:
    """Whole states of the emulator on disk, of which only the newest counts.

    `encode` and `decode` are for what JSON has no words for, as in the json module. `port` is the
    one that the emulator has now: ministack finds queues by addresses with the port in them, so
    what was saved at another port is translated.
    """

    def __init__(
        self, folder: Path, port: str, encode: Callable[[Any], Any], decode: Callable[[Any], Any]
    ) -> None:
        self._folder = folder
        self._port = port
        self._encode = encode
        self._decode = decode
        self._current = folder / "current"
        folder.mkdir(parents=True, exist_ok=True)
        self._remove_all_but_current()

    def load(self, service: str) -> Any:
        """The service's state, or None."""
        try:
            text = (self._current / f"{service}.json").read_text()
            port = (self._current / _PORT_FILE).read_text()
        except FileNotFoundError:
            return None
        if port != self._port:
            text = re.sub(rf"//(localhost|127\.0\.0\.1):{port}\b", rf"//\1:{self._port}", text)
        return json.loads(text, object_hook=self._decode)

    def save(self, states: dict[str, Callable[[], Any]], taken_at: int) -> None:
        """Write every state into a new folder, then make it the current one in one step.

        The folder is named for the moment, in nanoseconds, of which it holds the state.
        """
        fresh = self._folder / str(taken_at)
        fresh.mkdir()
        for service, get_state in states.items():
            # dumps, not dump: only the former uses the encoder written in C.
            text = json.dumps(get_state(), default=self._encode)
            (fresh / f"{service}.json").write_text(text)
        (fresh / _PORT_FILE).write_text(self._port)
        link = self._folder / f"{fresh.name}.link"
        link.symlink_to(fresh.name)
        link.replace(self._current)
        self._remove_all_but_current()

    def _remove_all_but_current(self) -> None:
        kept = {self._current, self._current.resolve()}
        for path in self._folder.iterdir():
            if path.is_symlink() and path not in kept:
                path.unlink()
            elif path not in kept:
                shutil.rmtree(path, ignore_errors=True)


class Saver:
    """Saves the state once a second while it changes, from a forked child.

    The child sees the memory of one instant, so the services' states fit each other, and the
    emulator goes on meanwhile: forking takes milliseconds, copying all states took ten times that.
    """

    def __init__(self, snapshots: Snapshots, changes: Changes) -> None:
        self._snapshots = snapshots
        self._changes = changes
        self._started = time.monotonic()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(SAVE_INTERVAL)
            if self._changes.since(self._started):
                await asyncio.to_thread(self._wait_for, self.start())

    def save_now(self) -> None:
        self._wait_for(self.start())

    def start(self) -> int:
        """Start a save; returns the child's process id."""
        self._started = time.monotonic()
        store_function_code()
        taken_at = time.time_ns()
        pid = os.fork()
        if pid == 0:
            self._save_and_exit(taken_at)
        return pid

    def _save_and_exit(self, taken_at: int) -> None:
        code = 1
        try:
            _become_a_saving_child()
            self._snapshots.save(states_of_all_services(), taken_at)
            code = 0
        except BaseException:  # noqa: BLE001  # a forked child must end here, whatever happens
            traceback.print_exc()
        finally:
            os._exit(code)

    def _wait_for(self, pid: int) -> None:
        _, status = os.waitpid(pid, 0)
        if status:
            self._changes.note()
            print(f"saving the state failed ({status}); trying again", file=sys.stderr, flush=True)


def _become_a_saving_child() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.alarm(SAVE_PATIENCE)
    # A collection would write to every object, and so copy all the memory shared with the parent.
    gc.disable()
    # Else a child that outlives a killed emulator would hold its port and its functions' pipes.
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    # Nobody else writes to this memory: what get_state copies for safety is safe as it is.
    copy.__dict__["deepcopy"] = _same


def _same(value: Result, _memo: Any = None, _nil: Any = None) -> Result:
    return value


def states_of_all_services() -> dict[str, Callable[[], Any]]:
    """Every service's way to tell its state, by the name of its file."""
    from ministack import app

    states: dict[str, Callable[[], Any]] = app._build_persistence_save_dict()
    return states


# What follows reaches into ministack's modules. Their names are private; that is why it is pinned.
# ruff: noqa: SLF001

_stored_code: dict[int, tuple[bytes, str]] = {}


def store_function_code() -> None:
    """Hash and write new function zips here, where it is remembered; the forked child cannot.

    Keyed on identity: a zip is never changed in place, and its reference is kept with its hash.
    """
    from ministack.services import lambda_svc

    for function in list(lambda_svc._functions._data.values()):
        for record in (function, *function.get("versions", {}).values()):
            code = record.get("code_zip")
            if isinstance(code, bytes) and id(code) not in _stored_code:
                _stored_code[id(code)] = (code, lambda_svc.write_code_blob(code))


def _hash_of_stored_code(code: bytes) -> str:
    return _stored_code[id(code)][1]


def keep_state_in(snapshots: Snapshots) -> None:
    """Make ministack load from the snapshots, and leave all saving to us."""
    from ministack import app
    from ministack.services import lambda_svc

    def load(service: str) -> Any:
        state = snapshots.load(service)
        return with_deliveries_undone(state, snapshots) if service == "sqs" and state else state

    app.load_state = load
    app.save_all = lambda _services: None
    lambda_svc.write_code_blob = lambda_svc._write_code_blob
    lambda_svc._write_code_blob = _hash_of_stored_code
    # It would remove zips that the snapshot before still names.
    lambda_svc._prune_orphan_code_blobs = lambda _referenced: None


def with_deliveries_undone(state: Any, snapshots: Snapshots) -> Any:
    """The queues, with what functions had in hand visible again: they died with the emulator.

    What runners have in hand stays theirs until its visibility timeout: runners live on.
    """
    mappings = (snapshots.load("lambda") or {}).get("esms", SimpleNamespace(_data={}))._data
    of_functions = {mapping["EventSourceArn"] for mapping in mappings.values()}
    for queue in state["queues"]._data.values():
        if queue["attributes"].get("QueueArn") in of_functions:
            for message in queue["messages"]:
                if message["receive_count"]:
                    message["visible_at"] = min(message["visible_at"], time.time())
    return state


def note_changes(changes: Changes) -> None:
    """Note what changes without a request that says so: deliveries to functions, and their logs."""
    from ministack.services import lambda_svc, sqs

    sqs._collect_msgs = changes.after(sqs._collect_msgs, only_if_result=True)
    lambda_svc._execute_function = changes.after(lambda_svc._execute_function)
    sqs._delete_messages_for_esm = changes.after(sqs._delete_messages_for_esm)


def noting_writes(app: App, changes: Changes) -> App:
    """The app, noting every request but those that only read."""

    async def noting(scope: Scope, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        if scope["type"] == "http" and not _only_reads(scope):
            changes.note()

    return noting


_READS = (b"BatchGet", b"Describe", b"Filter", b"Get", b"List", b"Query", b"Receive", b"Scan")


def _only_reads(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"x-amz-target":
            return bool(value.rpartition(b".")[2].startswith(_READS))
    return scope["method"] in {"GET", "HEAD", "OPTIONS"}


class LongPolls:
    """ministack's event that says a message has come; it ends the long polls of that queue too.

    As shipped, a long poll looks every 100 ms, so each message waits 50 ms on average.
    """

    def __init__(self, event: threading.Event, loop: asyncio.AbstractEventLoop) -> None:
        self._event = event
        self._loop = loop
        self._waiting: dict[asyncio.Future[None], Any] = {}
        self._polled: contextvars.ContextVar[Any] = contextvars.ContextVar("polled")

    def set(self) -> None:
        self._event.set()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody polls any more
            self._loop.call_soon_threadsafe(self._wake)

    def telling(self, collect: Callable[..., Result]) -> Callable[..., Result]:
        """The function that takes a queue's messages, noting for `sleep` which queue it was."""

        def collecting(queue: Any, *args: Any) -> Result:
            self._polled.set(queue)
            return collect(queue, *args)

        return collecting

    async def sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until a message comes."""
        waiting = self._loop.create_future()
        self._waiting[waiting] = self._polled.get()
        timer = self._loop.call_later(seconds, _end, waiting)
        try:
            await waiting
        finally:
            timer.cancel()
            del self._waiting[waiting]

    def _wake(self) -> None:
        now = time.time()
        for waiting, queue in self._waiting.items():
            if any(message["visible_at"] <= now for message in queue["messages"]):
                _end(waiting)


def _end(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def quicken() -> None:
    """Shorten the sleeps that would be most of a flow's time, and what is done between them."""
    from ministack.core import lambda_runtime
    from ministack.services import eventbridge, lambda_svc, scheduler, sns, sqs

    polls = LongPolls(sqs.esm_wake, asyncio.get_running_loop())
    sqs.esm_wake = sns.esm_wake = polls
    sqs.asyncio = SimpleNamespace(sleep=polls.sleep, iscoroutine=asyncio.iscoroutine)
    sqs._collect_msgs = polls.telling(sqs._collect_msgs)
    lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS = 0.002
    # Each look for work parses the names of all sources anew, three times.
    lambda_svc.parse_arn = functools.lru_cache(lambda_svc.parse_arn)
    # What a function logs is in the pipe before its answer: no need to listen for 5 ms more.
    worker = lambda_runtime.Worker
    worker._drain_stderr_bounded = functools.partialmethod(
        worker._drain_stderr_bounded, idle_confirm=0.001
    )
    scheduler._SCHEDULE_TICK_INTERVAL = 0.5
    eventbridge._SCHEDULER_TICK_INTERVAL = 1


def use_no_more_workers_than_cores() -> None:
    """Bound the workers of each function: more of them than cores cost start-ups and win nothing.

    AWS would start as many as it is asked for, on machines of its own. Here a caller waits for a
    worker instead, but not for long: it may be the very one that the worker works for.
    """
    from ministack.services import lambda_svc

    cores = max(2, os.cpu_count() or 2)
    allowed = lambda_svc._sqs_esm_concurrency
    lambda_svc._sqs_esm_concurrency = lambda *told: min(cores, allowed(*told))
    acquire, release = lambda_svc.acquire_worker, lambda_svc.release_worker
    released = threading.Condition()

    def acquire_in_turn(*args: Any, **kwargs: Any) -> Any:
        began = time.monotonic()
        with released:
            while (waited := time.monotonic() - began) < CROWD_PATIENCE:
                most = 1 if waited < WORKER_PATIENCE else cores
                worker, how = acquire(*args, **{**kwargs, "max_concurrency": most})
                if worker:
                    return worker, how
                released.wait(0.1)
        return acquire(*args, **kwargs)

    def release_and_tell(worker: Any) -> None:
        release(worker)
        with released:
            released.notify_all()

    lambda_svc.acquire_worker, lambda_svc.release_worker = acquire_in_turn, release_and_tell


def unpack_once(folder: Path) -> None:
    """Unpack a function's zip once for all its workers, and not at every cold start."""
    from ministack.core import lambda_runtime

    class SharedZip(zipfile.ZipFile):
        def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
            where = Path(path)
            if where.name != "code":
                super().extractall(path, members, pwd)
                return
            shared = folder / hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()
            if not shared.is_dir():
                self._unpack(shared)
            where.rmdir()
            where.symlink_to(shared)

        def _unpack(self, shared: Path) -> None:
            fresh = shared.with_name(f"{shared.name}.{threading.get_ident()}")
            super().extractall(fresh)
            with contextlib.suppress(OSError):  # another worker was first
                fresh.rename(shared)

    lambda_runtime.zipfile = SimpleNamespace(ZipFile=SharedZip, BadZipFile=zipfile.BadZipFile)


def keep_recent_logs() -> None:
    """Bound the logs of functions: they are most of the state after a few hundred flows."""
    from ministack.services import cloudwatch_logs, lambda_svc

    emit = lambda_svc._emit_lambda_logs

    def emit_and_drop(*args: Any, **kwargs: Any) -> None:
        emit(*args, **kwargs)
        for name, group in list(cloudwatch_logs._log_groups._data.items()):
            streams = group["streams"]
            if name[-1].startswith("/aws/lambda/") and len(streams) > LOG_STREAMS_KEPT:
                streams.pop(next(iter(streams)), None)

    lambda_svc._emit_lambda_logs = emit_and_drop


async def serve(folder: Path) -> None:
    """Serve until SIGTERM or SIGINT, then save once more."""
    from ministack import app
    from ministack.core import persistence as form

    changes = Changes()
    port = os.environ["GATEWAY_PORT"]
    snapshots = Snapshots(folder / "snapshots", port, form._json_default, form._json_object_hook)
    keep_state_in(snapshots)
    note_changes(changes)
    quicken()
    use_no_more_workers_than_cores()
    keep_recent_logs()
    unpack_once(folder / "tmp")
    saver = Saver(snapshots, changes)
    saving = asyncio.create_task(saver.run())
    await _serve_until_signalled(counted(noting_writes(app.app, changes)))
    saving.cancel()
    saver.save_now()


def counted(app: App) -> App:
    """The app inside what the file that PENSTOCK_COUNT_CALLS names makes of it.

    As it is where nobody measures.
    """
    counter = os.environ.get("PENSTOCK_COUNT_CALLS")
    if not counter:
        return app
    wrapped: App = runpy.run_path(counter)["wrap"](app)
    return wrapped


class OneWrite:
    """A transport that sends what is written in one turn of the loop at once.

    uvicorn writes an answer's head and its body one after the other: two packets, and a client
    that wakes up twice.
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
            # Its own handlers would end the process before the last save.
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
        # Long polls would hold a shutdown up; their callers try again.
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


def main() -> None:
    import uvloop

    folder = Path(sys.argv[1])
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)
    _raise_file_limit()
    # Its objects live long and are many: collections as often as by default find next to nothing.
    sys.setswitchinterval(0.0005)
    sys.setswitchinterval(0.0005)
    gc.set_threshold(20_000, 20, 50)
    uvloop.run(serve(folder))


if __name__ == "__main__":
    main()
