"""Starts functions as this machine can bear it, and keeps what they logged last."""

# ruff: noqa: SLF001

import contextlib
import hashlib
import os
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

WORKER_PATIENCE = 1.0
"""Seconds to wait for a function's worker before one more is started: longer than a start takes."""
CROWD_PATIENCE = 5.0
"""Seconds to wait where there is a worker for each core already, and one more for each further
one: fifty callers who all lost patience at once would start fifty, and none would get on."""
LOG_STREAMS_KEPT = 300
"""Of each function's log; ministack writes one stream an invocation and would keep them all."""


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
            while True:
                most = workers_allowed(time.monotonic() - began, cores)
                worker, how = acquire(*args, **{**kwargs, "max_concurrency": most})
                if worker:
                    return worker, how
                released.wait(0.1)

    def release_and_tell(worker: Any) -> None:
        release(worker)
        with released:
            released.notify_all()

    lambda_svc.acquire_worker, lambda_svc.release_worker = acquire_in_turn, release_and_tell


def workers_allowed(waited: float, cores: int) -> int:
    """How many workers a function may have for the sake of a caller who waited so many seconds."""
    if waited < WORKER_PATIENCE:
        return 1
    return cores + max(0, int(waited - CROWD_PATIENCE + 1))


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
