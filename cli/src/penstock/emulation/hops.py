"""Shortens the delays between a message's arrival and its delivery."""

# ruff: noqa: SLF001

import asyncio
import contextlib
import contextvars
import functools
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from penstock.emulation.kinds import Result


class LongPolls:
    """Replaces ministack's event for new messages; it also ends the long polls of their queue.

    Without it a long poll looks every 100 ms, so each message waits 50 ms on average.
    """

    def __init__(self, event: threading.Event, loop: asyncio.AbstractEventLoop) -> None:
        self._event = event
        self._loop = loop
        self._waiting: dict[asyncio.Future[None], Any] = {}
        self._polled: contextvars.ContextVar[Any] = contextvars.ContextVar("polled")

    def set(self) -> None:
        self._event.set()
        with contextlib.suppress(RuntimeError):  # the loop is closed: no poll is left
            self._loop.call_soon_threadsafe(self._wake)

    def noting_queue(self, collect: Callable[..., Result]) -> Callable[..., Result]:
        """Wrap the function that takes messages, so that `sleep` knows which queue is polled."""

        def collecting(queue: Any, *args: Any) -> Result:
            self._polled.set(queue)
            return collect(queue, *args)

        return collecting

    async def sleep(self, seconds: float) -> None:
        """Sleep until a message arrives, or for the given seconds."""
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


def shorten_delays() -> None:
    """Shorten ministack's sleeps, which would be most of a flow's time, and the work between."""
    from ministack.core import lambda_runtime
    from ministack.services import eventbridge, lambda_svc, scheduler, sns, sqs

    polls = LongPolls(sqs.esm_wake, asyncio.get_running_loop())
    sqs.esm_wake = sns.esm_wake = polls
    sqs.asyncio = SimpleNamespace(sleep=polls.sleep, iscoroutine=asyncio.iscoroutine)
    sqs._collect_msgs = polls.noting_queue(sqs._collect_msgs)
    lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS = 0.002
    # Every poll parses the names of all event sources three times.
    lambda_svc.parse_arn = functools.lru_cache(lambda_svc.parse_arn)
    # The log of a function is in the pipe before its answer: waiting 5 ms for more is needless.
    worker = lambda_runtime.Worker
    worker._drain_stderr_bounded = functools.partialmethod(
        worker._drain_stderr_bounded, idle_confirm=0.001
    )
    scheduler._SCHEDULE_TICK_INTERVAL = 0.5
    eventbridge._SCHEDULER_TICK_INTERVAL = 1
