"""Access to the artifact bucket by presigned addresses that the runner makes for each job.

An address is made with the runner's role when it is needed, and expires soon after the job's
timeout. The job itself gets no address.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Protocol

from penstock_runner.adapters.transfer import Transfer
from penstock_runner.domain.interruption import StopSignal
from penstock_shared.contracts.jobs import Job, Upload

MARGIN = 15 * 60
"""Seconds that an address outlives its job's timeout, for unpacking, uploading and retries."""


class Addresses(Protocol):
    """Makes presigned addresses that are valid for some seconds."""

    def url_to_get(self, key: str, seconds: int) -> str:
        """An address to read this object."""
        ...

    def url_to_put(self, key: str, seconds: int) -> str:
        """An address to write this object."""
        ...


@dataclass(frozen=True)
class Bucket:
    """Fetches the inputs of jobs and stores their outputs."""

    addresses: Addresses
    transfer: Transfer

    def fetch(self, key: str, job: Job, into: IO[bytes], limit: int, stop: StopSignal) -> None:
        """Read an object of at most `limit` bytes. Raises JobError."""
        address = self.addresses.url_to_get(key, lifetime_for(job))
        self.transfer.fetch(address, into, limit, stop)

    def store(
        self,
        upload: Upload,
        job: Job,
        body: Callable[[], Iterator[bytes]],
        size: int,
        stop: StopSignal,
    ) -> None:
        """Write `size` bytes. `body` returns the content anew for each try. Raises JobError."""
        address = self.addresses.url_to_put(upload.key, lifetime_for(job))
        self.transfer.store(address, body, size, upload.content_type, stop)


def lifetime_for(job: Job) -> int:
    """Seconds for which the addresses of a job are valid."""
    return job.timeout + MARGIN
