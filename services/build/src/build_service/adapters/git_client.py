"""Speaks git with one server, and believes nothing of what it says."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

from dulwich.client import (
    GitClient,
    HTTPProxyUnauthorized,
    HTTPUnauthorized,
    LocalGitClient,
    Urllib3HttpGitClient,
)
from dulwich.errors import GitProtocolError, NotGitRepository

from build_service.adapters.network import Resolve, pool_for
from build_service.domain.errors import SourceTooLargeError, SourceUnavailableError

MOST_SECONDS = 20.0
"""For all requests of one fetch."""
_QUIET_SECONDS = 10.0
"""The longest that a server may say nothing."""
_OF_GIT = "application/x-git-upload-pack-"


@dataclass
class ReadingLimit:
    """How many bytes one fetch may still read, and until when."""

    left: int
    until: float = field(default_factory=lambda: time.monotonic() + MOST_SECONDS)

    def count(self, number: int) -> None:
        """Count bytes. Raises SourceTooLargeError or SourceUnavailableError beyond the limits."""
        self.left -= number
        if self.left < 0:
            raise SourceTooLargeError("the server sends more bytes than may be fetched")
        if time.monotonic() > self.until:
            raise SourceUnavailableError(f"the server takes longer than {MOST_SECONDS:g} s")


class OneServerClient(Urllib3HttpGitClient):
    """Git over HTTP with one server: no redirects, no other protocol, a limited answer."""

    def __init__(
        self, url: str, limit: ReadingLimit, resolve: Resolve, user: str | None, token: str | None
    ) -> None:
        pool = pool_for(url, resolve, _QUIET_SECONDS)
        # Thin packs would be inflated before their objects are counted.
        super().__init__(url, pool_manager=pool, thin_packs=False, username=user, password=token)
        self._limit = limit
        self._responses: list[Any] = []

    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,  # noqa: FBT001, FBT002  # as dulwich has it
    ) -> Any:
        response, read = super()._http_request(url, headers, data, raise_for_status=False)
        self._responses.append(response)
        _judge(response, url)
        response.redirect_location = ""  # dulwich looks for it
        return response, self._counted(read)

    def close(self) -> None:
        """Close every connection."""
        for response in self._responses:
            response.close()
        self.pool_manager.clear()

    def _counted(self, read: Callable[..., bytes]) -> Callable[..., bytes]:
        def counted(*size: int) -> bytes:
            found = read(*size)
            self._limit.count(len(found))
            return found

        return counted


def _judge(response: Any, url: str) -> None:
    """Raises an error of dulwich for an answer that is not git's."""
    if response.status == HTTPStatus.NOT_FOUND:
        raise NotGitRepository
    if response.status == HTTPStatus.UNAUTHORIZED:
        raise HTTPUnauthorized(response.headers.get("WWW-Authenticate"), url)
    if response.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        raise HTTPProxyUnauthorized(response.headers.get("Proxy-Authenticate"), url)
    if response.status != HTTPStatus.OK:
        raise GitProtocolError(f"unexpected http resp {response.status}")
    if not str(response.headers.get("Content-Type", "")).startswith(_OF_GIT):
        raise GitProtocolError("the server's answer is not git's")


@contextmanager
def connected(
    clone_url: str,
    limit: ReadingLimit,
    resolve: Resolve,
    user: str | None = None,
    token: str | None = None,
) -> Iterator[tuple[GitClient, str]]:
    """A client for an address of a known scheme, and the path to ask it for."""
    path = urlsplit(clone_url).path
    if urlsplit(clone_url).scheme == "file":
        yield LocalGitClient(thin_packs=False), unquote(path)
        return
    client = OneServerClient(_server_of(clone_url), limit, resolve, user, token)
    with closing(client):
        yield client, path


def _server_of(url: str) -> str:
    """The address without its path. Credentials in it count for nothing: they would be shown."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], path="", query="").geturl()
