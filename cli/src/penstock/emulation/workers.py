"""Ends functions' processes when they have nothing left to do, and not before."""

# ruff: noqa: SLF001

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

_DIES_WITH_ITS_EMULATOR = """
def _die_with_the_emulator():
    import os, select, threading

    def watch():
        # Nothing is asked for, so poll reports one thing only: the writer of stdin is gone.
        waiting = select.poll()
        waiting.register(0, 0)
        waiting.poll()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

_die_with_the_emulator()
"""
_LOOK_EVERY = 0.1


def end_functions_with_the_emulator() -> None:
    """Let no call outlive a killed emulator: its message is handed out again after the restart.

    Two calls would then work on one thing, and the older could reach the new emulator, which has
    the same address.
    """
    from ministack.core import lambda_runtime

    lambda_runtime._PYTHON_WORKER_SCRIPT = (
        _DIES_WITH_ITS_EMULATOR + lambda_runtime._PYTHON_WORKER_SCRIPT
    )


def let_calls_end() -> None:
    """Let workers that are replaced end their calls on the old code, as Lambda does.

    Killed in a call, its messages would stay invisible for the whole visibility timeout.
    """
    from ministack.core import lambda_runtime

    lambda_runtime.kill_workers = sparing_the_busy(lambda_runtime.kill_workers)


def sparing_the_busy(kill: Callable[[Sequence[Any]], None]) -> Callable[[Sequence[Any]], None]:
    """The function that kills workers, letting those in a call end it first."""

    def killing(workers: Sequence[Any]) -> None:
        busy = [worker for worker in workers if worker and worker.in_use]
        kill([worker for worker in workers if worker and not worker.in_use])
        if busy:
            waiting = threading.Thread(target=_kill_once_idle, args=(kill, busy), daemon=True)
            waiting.start()

    return killing


def _kill_once_idle(kill: Callable[[Sequence[Any]], None], workers: Sequence[Any]) -> None:
    patience = max(float(worker.config.get("Timeout", 3)) for worker in workers)
    end = time.monotonic() + patience
    while any(worker.in_use for worker in workers) and time.monotonic() < end:
        time.sleep(_LOOK_EVERY)
    kill(workers)
