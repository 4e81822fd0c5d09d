"""The artifact bucket, reached by addresses that the runner makes for one job.

An address is made with the runner's own role when it is used, and dies soon after its job must
have ended. The job itself is given none.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Protocol

from penstock_runner.adapters.transfer import Transfer
from penstock_runner.domain.interruption import StopSignal
from penstock_shared.contracts.jobs import Job, Upload

MARGIN = 15 * 60
"""Seconds that an address outlives its job's timeout: to unpack, to upload, to try again."""


class Addresses(Protocol):
    """Makes presigned addresses that live for so many seconds."""

    def url_to_get(self, key: str, seconds: int) -> str:
        """An address from which this object can be read."""
        ...

    def url_to_put(self, key: str, seconds: int) -> str:
        """An address to which this object can be written."""
        ...


@dataclass(frozen=True)
class Bucket:
    """Fetches and stores what jobs need and leave behind."""

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
        """Write `size` bytes, which `body` gives anew for every try. Raises JobError."""
        address = self.addresses.url_to_put(upload.key, lifetime_for(job))
        self.transfer.store(address, body, size, upload.content_type, stop)


def lifetime_for(job: Job) -> int:
    """Seconds that the addresses of a job live."""
    return job.timeout + MARGIN
