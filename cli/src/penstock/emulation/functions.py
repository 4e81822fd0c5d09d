"""Limits the workers of functions, and repairs what a kill left unfinished."""

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
"""Seconds to wait for a busy worker before another is started: longer than a start takes."""
CROWD_PATIENCE = 5.0
"""Seconds to wait once every core has a worker; each further second allows one worker more.
Fifty callers that gave up waiting at once would start fifty workers, and none would progress."""

EXECUTIONS_KEPT = 300
"""Ended executions of state machines to keep. The names of older ones can be used again."""


def use_no_more_workers_than_cores() -> None:
    """Limit the workers of each function: more workers than cores cost starts and gain nothing.

    AWS starts as many as there are calls, on its own machines. Here a caller waits for a worker,
    but only for a limited time: the busy worker may itself wait for this caller.
    """
    from ministack.services import lambda_svc

    cores = max(2, os.cpu_count() or 2)
    allowed = lambda_svc._sqs_esm_concurrency
    lambda_svc._sqs_esm_concurrency = lambda *mapping: min(cores, allowed(*mapping))
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
    """How many workers a function may have after a caller has waited this many seconds."""
    if waited < WORKER_PATIENCE:
        return 1
    return cores + max(0, int(waited - CROWD_PATIENCE + 1))


def unpack_once(folder: Path) -> None:
    """Unpack a function's zip once for all its workers, instead of at every cold start."""
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


def settle_cut_off_updates() -> None:
    """Complete the updates of functions that were saved in the middle of one.

    ministack completes an update in a thread, which a kill ends; waiters would wait for ever.
    """
    from ministack.services import lambda_svc

    load = lambda_svc.load_persisted_state

    def load_and_settle(state: Any) -> None:
        load(state)
        for function in list(lambda_svc._functions._data.values()):
            for record in (function, *function.get("versions", {}).values()):
                settle(record.get("config", {}))

    lambda_svc.load_persisted_state = load_and_settle


def settle(configuration: dict[str, Any]) -> None:
    """Set the states of a function that is not ready to those of one that is."""
    if configuration.get("State") == "Pending":
        configuration |= {"State": "Active", "StateReason": "", "StateReasonCode": ""}
    if configuration.get("LastUpdateStatus") == "InProgress":
        configuration["LastUpdateStatus"] = "Successful"


def keep_recent_executions() -> None:
    """Limit the ended executions of state machines: each bake is one, with its whole history."""
    from ministack.services import stepfunctions

    start = stepfunctions._start_execution

    def start_and_drop(*args: Any, **kwargs: Any) -> Any:
        answer = start(*args, **kwargs)
        executions = stepfunctions._executions._data
        ended = [key for key, each in list(executions.items()) if each.get("status") != "RUNNING"]
        for key in ended[:-EXECUTIONS_KEPT]:
            executions.pop(key, None)
        return answer

    stepfunctions._start_execution = start_and_drop
