"""Ends the processes of functions when their work is over, and not before."""

# ruff: noqa: SLF001

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

_DIES_WITH_ITS_EMULATOR = """
def _die_with_the_emulator():
    import os, select, threading

    def watch():
        # An empty mask: poll reports only that the writer of stdin is gone.
        waiting = select.poll()
        waiting.register(0, 0)
        waiting.poll()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

_die_with_the_emulator()
"""
_LOOK_EVERY = 0.1


def end_functions_with_the_emulator() -> None:
    """End functions when the emulator is killed: it delivers their messages again after a restart.

    Otherwise two calls would work on one message, and the older one could write to the restarted
    emulator, which has the same address.
    """
    from ministack.core import lambda_runtime

    lambda_runtime._PYTHON_WORKER_SCRIPT = (
        _DIES_WITH_ITS_EMULATOR + lambda_runtime._PYTHON_WORKER_SCRIPT
    )


def let_calls_end() -> None:
    """Let replaced workers finish their calls on the old code, as Lambda does.

    The messages of a killed call would stay hidden for the whole visibility timeout.
    """
    from ministack.core import lambda_runtime

    lambda_runtime.kill_workers = after_current_calls(lambda_runtime.kill_workers)


def after_current_calls(kill: Callable[[Sequence[Any]], None]) -> Callable[[Sequence[Any]], None]:
    """Wrap the function that kills workers, so that busy ones finish their call first."""

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
