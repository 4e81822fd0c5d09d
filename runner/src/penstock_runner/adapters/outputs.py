"""Uploads the outputs of a job."""

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock_runner.adapters.bucket import Bucket
from penstock_runner.adapters.paths import inside
from penstock_runner.adapters.transfer import CHUNK
from penstock_runner.domain.interruption import StopSignal
from penstock_runner.domain.ports import Kept, Site
from penstock_runner.errors import JobError, UnsafePathError
from penstock_shared.clock import Clock, utc_now
from penstock_shared.contracts.jobs import Job, JobOutput, Upload
from penstock_shared.contracts.provenance import CONTENT_TYPE, provenance_key, provenance_of
from penstock_shared.object_keys import is_artifact


@dataclass(frozen=True)
class OutputStore:
    """Where outputs go. Each has at most `limit` bytes.

    `builder` is this runner's name in the provenance of artifacts.
    """

    bucket: Bucket
    limit: int
    builder: str
    clock: Clock = utc_now


def keep_outputs(job: Job, site: Site, store: OutputStore, stop: StopSignal) -> Kept:
    """Upload every output that exists, and beside an artifact its provenance.

    Paths of outputs are relative to the working directory. A problem is a required output that is
    missing, or any output that exists and cannot be uploaded.
    """
    outputs, problems = [], []
    for upload in job.outputs:
        try:
            outputs.append(_keep(job, upload, site, store, stop))
        except FileNotFoundError:
            if upload.required:
                problems.append(f"the command left no {upload.path}, the output {upload.name!r}")
        except (JobError, OSError) as error:
            problems.append(f"output {upload.name!r}, {upload.path}: {error}")
    return Kept(outputs, problems)


def _keep(job: Job, upload: Upload, site: Site, store: OutputStore, stop: StopSignal) -> JobOutput:
    with _opened(_find(upload, site)) as descriptor:
        size = os.fstat(descriptor).st_size
        if size > store.limit:
            raise JobError(f"{size:,} bytes, the limit is {store.limit:,}")
        body = _Body(descriptor, size)
        output = JobOutput(name=upload.name, key=upload.key, sha256=body.digest(stop), size=size)
        with _provenance_stored(job, output, store, stop):
            store.bucket.store(upload, output.sha256, body.chunks, size, stop)
    return output


@contextmanager
def _provenance_stored(
    job: Job, output: JobOutput, store: OutputStore, stop: StopSignal
) -> Iterator[None]:
    """Store an artifact's provenance while the artifact itself is stored. Raises JobError."""
    if not is_artifact(output.key):
        yield
        return
    statement = provenance_of(job, output, store.builder, store.clock()).as_json()
    upload = Upload(
        name=output.name,
        path="",
        key=provenance_key(output.key),
        content_type=CONTENT_TYPE,
    )
    digest = hashlib.sha256(statement).hexdigest()
    with ThreadPoolExecutor(1) as beside:
        stored = beside.submit(
            store.bucket.store, upload, digest, lambda: iter([statement]), len(statement), stop
        )
        yield
        stored.result()


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
