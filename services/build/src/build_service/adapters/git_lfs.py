"""Fetches files that a commit keeps in Git LFS.

Such a file is a pointer in git, which has the SHA-256 and size of its content. Formats:
https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md and .../docs/api/batch.md. Only the server
of the repository is asked: `.lfsconfig` is a file of the change, and may name any other.
"""

import base64
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from build_service.adapters.network import Resolve, pool_for
from build_service.domain.errors import SourceError, SourceTooLargeError, SourceUnavailableError
from penstock_shared.contracts.registry import ReadCredential

MOST_BYTES = 256 * 1024 * 1024
"""Of all contents of one commit."""
MOST_SECONDS = 22.0
"""From the beginning of the commit's fetch. The function that fetches ends three seconds later."""
_QUIET_SECONDS = 10.0
_BATCH = 100
_LARGEST_ANSWER = 4 << 20
_LARGEST_POINTER = 1024
_CHUNK = 1 << 18
_JSON = "application/vnd.git-lfs+json"
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*"
    rb"oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,15})\n"
)
_CURE = "say `lfs: false` in penstock.yml, and jobs find its pointer"


@dataclass(frozen=True)
class Pointer:
    """A file of the commit whose content is elsewhere."""

    path: str
    oid: str
    size: int


def pointer_in(path: str, content: bytes) -> Pointer | None:
    """The pointer that a file of git is, if it is one."""
    found = _POINTER.fullmatch(content) if len(content) <= _LARGEST_POINTER else None
    return Pointer(path, found[1].decode(), int(found[2])) if found else None


@dataclass(frozen=True)
class LfsServer:
    """Where the contents of one repository are."""

    clone_url: str
    resolve: Resolve
    credential: ReadCredential | None = None
    until: float = field(default_factory=lambda: time.monotonic() + MOST_SECONDS)
    _pools: dict[str, PoolManager] = field(default_factory=dict)
    """By host, so that its files come over one connection."""

    def contents(self, pointers: Iterable[Pointer]) -> dict[str, bytes]:
        """The content of each pointer, by its digest.

        Raises SourceError or SourceUnavailableError with the name of a file that cannot be had.
        """
        wanted = {pointer.oid: pointer for pointer in pointers}
        _refuse_beyond(wanted.values())
        if urlsplit(self.clone_url).scheme == "file":
            return {oid: self._at_hand(pointer) for oid, pointer in wanted.items()}
        try:
            return dict(self._downloaded(list(wanted.values())))
        finally:
            while self._pools:
                self._pools.popitem()[1].clear()

    def _downloaded(self, wanted: list[Pointer]) -> Iterator[tuple[str, bytes]]:
        for batch in _batches(wanted):
            for pointer, action in self._actions(batch):
                yield pointer.oid, self._download(pointer, action)

    def _at_hand(self, pointer: Pointer) -> bytes:
        """https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md#intercepting-git."""
        repository = Path(unquote(urlsplit(self.clone_url).path))
        stored = Path("lfs", "objects", pointer.oid[:2], pointer.oid[2:4], pointer.oid)
        for folder in (repository, repository / ".git"):
            if (folder / stored).is_file():
                return _checked(pointer, (folder / stored).read_bytes())
        raise _missing(pointer, f"{repository} does not have its content")

    def _actions(self, batch: list[Pointer]) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
        """Where to download each."""
        answer = self._ask(batch)
        objects = answer.get("objects")
        told = {one.get("oid"): one for one in objects or () if isinstance(one, dict)}
        for pointer in batch:
            one = told.get(pointer.oid, {})
            action = (one.get("actions") or {}).get("download")
            if not isinstance(action, dict) or not isinstance(action.get("href"), str):
                raise _missing(pointer, f"{self._host} does not hand it out")
            yield pointer, action

    def _ask(self, batch: list[Pointer]) -> dict[str, Any]:
        body = {
            "operation": "download",
            "transfers": ["basic"],
            "objects": [{"oid": one.oid, "size": one.size} for one in batch],
        }
        headers = {"Accept": _JSON, "Content-Type": _JSON, **self._login()}
        text = self._read(
            batch[0], "POST", self._batch_url, _LARGEST_ANSWER, headers, json.dumps(body)
        )
        try:
            answer = json.loads(text)
        except ValueError as error:
            raise _missing(batch[0], f"{self._host} does not answer as Git LFS does") from error
        return answer if isinstance(answer, dict) else {}

    def _download(self, pointer: Pointer, action: Mapping[str, Any]) -> bytes:
        href = action["href"]
        if urlsplit(href).scheme != "https":
            raise _missing(pointer, f"{self._host} hands it out at an address that is not https")
        given = action.get("header")
        headers = {str(key): str(value) for key, value in (given or {}).items()}
        return _checked(pointer, self._read(pointer, "GET", href, pointer.size, headers))

    def _read(
        self,
        pointer: Pointer,
        method: str,
        url: str,
        most_bytes: int,
        headers: Mapping[str, str],
        body: str | None = None,
    ) -> bytes:
        """At most so many bytes and one. Redirects are not followed."""
        try:
            response = self._pool(url).request(
                method, url, headers=dict(headers), body=body, preload_content=False
            )
            with closing(response):
                if response.status != HTTPStatus.OK:
                    raise _refused(pointer, urlsplit(url).hostname or "", response.status)
                return b"".join(self._limited(response.stream(_CHUNK), most_bytes))
        except HTTPError as error:
            raise SourceUnavailableError(
                f"{pointer.path} is in Git LFS, and {urlsplit(url).hostname} does not answer: "
                f"{type(error).__name__}"
            ) from error

    def _pool(self, url: str) -> PoolManager:
        host = urlsplit(url).netloc
        if host not in self._pools:
            self._pools[host] = pool_for(url, self.resolve, _QUIET_SECONDS)
        return self._pools[host]

    def _limited(self, chunks: Iterable[bytes], most_bytes: int) -> Iterator[bytes]:
        left = most_bytes + 1
        for chunk in chunks:
            if time.monotonic() > self.until:
                raise SourceUnavailableError(
                    f"source and Git LFS take longer than {MOST_SECONDS:g} s: {_CURE}"
                )
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return

    @property
    def _batch_url(self) -> str:
        parts = urlsplit(self.clone_url)
        path = parts.path.rstrip("/")
        path = path if path.endswith(".git") else f"{path}.git"
        host = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=host, path=f"{path}/info/lfs/objects/batch").geturl()

    @property
    def _host(self) -> str:
        return urlsplit(self.clone_url).hostname or ""

    def _login(self) -> dict[str, str]:
        if self.credential is None:
            return {}
        login = f"{self.credential.user}:{self.credential.token}".encode()
        return {"Authorization": f"Basic {base64.b64encode(login).decode()}"}


def _refuse_beyond(pointers: Iterable[Pointer]) -> None:
    total = 0
    for pointer in pointers:
        total += pointer.size
        if total > MOST_BYTES:
            raise SourceTooLargeError(
                f"the files of the commit in Git LFS have more than {MOST_BYTES:,} bytes, of which "
                f"{pointer.path} has {pointer.size:,}. Take it out of the repository, or {_CURE}"
            )


def _batches(pointers: list[Pointer]) -> Iterator[list[Pointer]]:
    for first in range(0, len(pointers), _BATCH):
        yield pointers[first : first + _BATCH]


def _checked(pointer: Pointer, content: bytes) -> bytes:
    if len(content) != pointer.size or sha256(content).hexdigest() != pointer.oid:
        raise _missing(pointer, "what is handed out is not the content that its pointer names")
    return content


def _refused(pointer: Pointer, host: str, status: int) -> Exception:
    reason = f"{host} answers with HTTP {status}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return SourceUnavailableError(f"{pointer.path} is in Git LFS, and {reason}")
    return _missing(pointer, reason)


def _missing(pointer: Pointer, reason: str) -> SourceError:
    return SourceError(f"{pointer.path} is in Git LFS, and {reason}. Push it there, or {_CURE}")
