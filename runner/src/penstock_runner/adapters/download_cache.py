"""A cache of downloads, keyed by the SHA-256 of their content.

Several runners can share a cache: files appear atomically. Each time a file is used it is copied to
where nobody else can write, and the copy is verified: whoever can write in the folder can slow jobs
down, but not give them other content.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile, SpooledTemporaryFile
from typing import IO, cast

from penstock_runner.adapters.bucket import Bucket
from penstock_runner.adapters.transfer import CHUNK
from penstock_runner.domain.interruption import StopSignal
from penstock_runner.errors import JobError
from penstock_shared.contracts.jobs import Download, Job

DOWNLOAD_LIMIT = 1 << 30
"""Bytes; the largest source or input."""
SMALL = 4 << 20
"""Bytes that are held in memory while they are verified."""


@dataclass(frozen=True)
class DownloadCache:
    """Files in `folder`. Removes the least recently used beyond `limit` bytes.

    `incoming` is this runner's own folder on the same disk.
    """

    folder: Path
    incoming: Path
    limit: int
    bucket: Bucket

    @contextmanager
    def open(self, download: Download, job: Job, stop: StopSignal) -> Iterator[IO[bytes]]:
        """The content, from the cache or the bucket, in a file that nobody else can open.

        Raises JobError, also when the content does not match its SHA-256.
        """
        with self._private() as content:
            if not self._cached(download, content):
                self._fetch(download, job, stop, content)
            content.seek(0)
            yield content

    def _private(self) -> IO[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        return cast("IO[bytes]", SpooledTemporaryFile(SMALL, dir=str(self.incoming)))

    def _cached(self, download: Download, content: IO[bytes]) -> bool:
        """Copy the file from the cache; whether it is there, and is what its name says."""
        path = self.folder / download.sha256
        try:
            kept = path.open("rb")
        except FileNotFoundError:
            return False
        with kept:
            os.utime(kept.fileno())
            if _copy(kept, content) == download.sha256:
                return True
        path.unlink(missing_ok=True)
        content.seek(0)
        content.truncate()
        return False

    def _fetch(self, download: Download, job: Job, stop: StopSignal, content: IO[bytes]) -> None:
        self.bucket.fetch(download.key, job, content, DOWNLOAD_LIMIT, stop)
        content.seek(0)
        with NamedTemporaryFile(dir=self.incoming, prefix="download-", delete=False) as copy:
            try:
                _verify(_copy(content, copy), download)
                copy.flush()
                Path(copy.name).replace(self.folder / download.sha256)
            except BaseException:
                Path(copy.name).unlink(missing_ok=True)
                raise
        self._trim()

    def _trim(self) -> None:
        weight = 0
        for _, size, path in sorted(self._files(), reverse=True):
            weight += size
            if weight > self.limit:
                path.unlink(missing_ok=True)

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):
                found = path.stat()
                yield found.st_mtime, found.st_size, path


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy the rest of a file to the beginning of another; returns the SHA-256 of what it wrote."""
    digest = hashlib.sha256()
    target.seek(0)
    target.truncate()
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


def _verify(found: str, download: Download) -> None:
    if found != download.sha256:
        raise JobError(
            f"{download.key} is not what was meant: its sha256 is {found}, not {download.sha256}"
        )
