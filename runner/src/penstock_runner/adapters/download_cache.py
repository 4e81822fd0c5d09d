"""A cache of downloads, keyed by the SHA-256 of their content.

Several runners can share a cache: files appear atomically, and a removed file stays readable for
those that have it open.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from penstock_runner.adapters.bucket import Bucket
from penstock_runner.domain.interruption import StopSignal
from penstock_runner.errors import JobError
from penstock_shared.contracts.jobs import Download, Job

DOWNLOAD_LIMIT = 1 << 30
"""Bytes; the largest source or input."""


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
        """The content, from the cache or the bucket.

        Raises JobError, also when the content does not match its SHA-256.
        """
        path = self.folder / download.sha256
        with self._cached(path) or self._fetched(path, download, job, stop) as content:
            yield content

    def _cached(self, path: Path) -> IO[bytes] | None:
        try:
            content = path.open("rb")
        except FileNotFoundError:
            return None
        os.utime(content.fileno())
        return content

    def _fetched(self, path: Path, download: Download, job: Job, stop: StopSignal) -> IO[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.incoming, prefix="download-")
        content = os.fdopen(descriptor, "w+b")
        try:
            self.bucket.fetch(download.key, job, content, DOWNLOAD_LIMIT, stop)
            content.flush()
            _verify(content, download)
            Path(name).replace(path)
        except BaseException:
            content.close()
            Path(name).unlink(missing_ok=True)
            raise
        self._trim()
        content.seek(0)
        return content

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


def _verify(content: IO[bytes], download: Download) -> None:
    content.seek(0)
    found = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]  # a file
    if found != download.sha256:
        raise JobError(
            f"{download.key} is not what was meant: its sha256 is {found}, not {download.sha256}"
        )
