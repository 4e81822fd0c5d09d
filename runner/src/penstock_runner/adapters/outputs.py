"""Uploads the outputs of a job."""

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock_runner.adapters.bucket import Bucket
from penstock_runner.adapters.paths import inside
from penstock_runner.adapters.transfer import CHUNK
from penstock_runner.domain.interruption import StopSignal
from penstock_runner.domain.ports import Kept, Site
from penstock_runner.errors import JobError, UnsafePathError
from penstock_shared.contracts.jobs import Job, JobOutput, Upload


def keep_outputs(job: Job, site: Site, bucket: Bucket, limit: int, stop: StopSignal) -> Kept:
    """Upload every output that exists, each of at most `limit` bytes.

    Paths of outputs are relative to the working directory. A problem is a required output that is
    missing, or any output that exists and cannot be uploaded.
    """
    outputs, problems = [], []
    for upload in job.outputs:
        try:
            outputs.append(_keep(upload, site, bucket, limit, stop))
        except FileNotFoundError:
            if upload.required:
                problems.append(f"the command left no {upload.path}, the output {upload.name!r}")
        except (JobError, OSError) as error:
            problems.append(f"output {upload.name!r}, {upload.path}: {error}")
    return Kept(outputs, problems)


def _keep(upload: Upload, site: Site, bucket: Bucket, limit: int, stop: StopSignal) -> JobOutput:
    with _opened(_find(upload, site)) as descriptor:
        size = os.fstat(descriptor).st_size
        if size > limit:
            raise JobError(f"{size:,} bytes, the limit is {limit:,}")
        body = _Body(descriptor, size)
        digest = body.digest(stop)
        bucket.store(upload, digest, body.chunks, size, stop)
    return JobOutput(name=upload.name, key=upload.key, sha256=digest, size=size)


def _find(upload: Upload, site: Site) -> Path:
    return inside(site.source, os.path.relpath(site.workdir / upload.path, site.source))


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    # Non-blocking: opening a pipe without a writer would block for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnsafePathError("not a file")
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class _Body:
    """The first `size` bytes of a file."""

    descriptor: int
    size: int

    def digest(self, stop: StopSignal) -> str:
        """The SHA-256 of the content, in hex."""
        found = hashlib.sha256()
        for chunk in self.chunks():
            stop.check(time.monotonic())
            found.update(chunk)
        return found.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        """The content from its beginning."""
        offset = 0
        while offset < self.size:
            chunk = os.pread(self.descriptor, min(CHUNK, self.size - offset), offset)
            if not chunk:
                raise JobError("it became shorter while it was read")
            offset += len(chunk)
            yield chunk
