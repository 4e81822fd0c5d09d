"""Fetches and stores files by presigned addresses.

A presigned address grants access to anybody who has it, so no error text contains one.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TypeVar

import urllib3
from urllib3.exceptions import HTTPError

from penstock_runner.adapters.http import Connections
from penstock_runner.domain.interruption import StopSignal
from penstock_runner.errors import JobError

CHUNK = 1 << 18
PAUSES = (0.1, 0.3, 1, 2, 4, 8, 8, 8)
"""Seconds between tries while the server cannot be reached or answers with 5xx."""

T = TypeVar("T")


class _ElsewhereError(Exception):
    """A transient failure."""


@dataclass(frozen=True)
class Transfer:
    """HTTP with retries, which end when the job must stop."""

    connections: Connections

    def fetch(self, url: str, into: IO[bytes], limit: int, stop: StopSignal) -> None:
        """Write the body to `into`. Raises JobError, also for more than `limit` bytes."""

        def once() -> None:
            into.seek(0)
            into.truncate()
            with self._asking("GET", url) as response:
                for chunk in _limited(response, limit):
                    stop.check(time.monotonic())
                    into.write(chunk)

        _patiently(once, stop)

    def store(
        self,
        url: str,
        body: Callable[[], Iterator[bytes]],
        size: int,
        headers: Mapping[str, str],
        stop: StopSignal,
    ) -> None:
        """Put `size` bytes. `body` returns the content anew for each try. Raises JobError."""

        def once() -> None:
            # S3 accepts no chunked bodies, so the size is sent first.
            all_headers = {"Content-Length": str(size), **headers}
            chunks = _checked(body(), stop)
            with self._asking("PUT", url, body=chunks, headers=all_headers):
                pass

        _patiently(once, stop)

    @contextmanager
    def _asking(self, method: str, url: str, **more: object) -> Iterator[urllib3.BaseHTTPResponse]:
        try:
            pool = self.connections.to(url)
            response = pool.request(method, url, preload_content=False, **more)  # type: ignore[arg-type]  # as urllib3 takes them
        except HTTPError as error:
            raise _ElsewhereError(type(error).__name__) from error
        try:
            _judge(response.status)
            yield response
            response.drain_conn()
        except HTTPError as error:
            raise _ElsewhereError(type(error).__name__) from error
        finally:
            # The unread rest of a body would otherwise be read as the next response.
            response.close()


def _judge(status: int) -> None:
    if status >= 500:
        raise _ElsewhereError(f"HTTP {status}")
    if status != 200:
        raise JobError(f"HTTP {status}")


def _limited(response: urllib3.BaseHTTPResponse, limit: int) -> Iterator[bytes]:
    size = 0
    for chunk in response.stream(CHUNK, decode_content=False):
        size += len(chunk)
        if size > limit:
            raise JobError(f"more than {limit:,} bytes")
        yield chunk


def _checked(chunks: Iterator[bytes], stop: StopSignal) -> Iterator[bytes]:
    for chunk in chunks:
        stop.check(time.monotonic())
        yield chunk


def _patiently(once: Callable[[], T], stop: StopSignal) -> T:
    for pause in PAUSES:
        try:
            return once()
        except _ElsewhereError:
            _wait(pause, stop)
    try:
        return once()
    except _ElsewhereError as error:
        raise JobError(str(error)) from error


def _wait(seconds: float, stop: StopSignal) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        stop.check(time.monotonic())
        time.sleep(min(left, 0.2))
