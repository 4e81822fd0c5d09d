"""Access to the artifact bucket by presigned addresses that the runner makes for each job.

An address is made with the runner's role when it is used, and expires soon after. One to write an
object is for one content. The job itself gets no address.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Protocol

from penstock_runner.adapters.transfer import Transfer
from penstock_runner.domain.interruption import StopSignal
from penstock_shared.contracts.jobs import Job, Upload
from penstock_shared.storage import checksum_headers

LIFETIME = 15 * 60
"""Seconds for which an address is valid: the transfer and its retries begin at once."""


class Addresses(Protocol):
    """Makes presigned addresses that are valid for some seconds."""

    def url_to_get(self, key: str, seconds: int) -> str:
        """An address to read this object."""
        ...

    def url_to_put(self, key: str, seconds: int, sha256: str) -> str:
        """An address to write this object, and with this content only."""
        ...


@dataclass(frozen=True)
class Bucket:
    """Fetches the inputs of jobs and stores their outputs."""

    addresses: Addresses
    transfer: Transfer

    def fetch(self, key: str, job: Job, into: IO[bytes], limit: int, stop: StopSignal) -> None:
        """Read an object of at most `limit` bytes. Raises JobError."""
        address = self.addresses.url_to_get(key, LIFETIME)
        self.transfer.fetch(address, into, limit, stop)

    def store(
        self,
        upload: Upload,
        sha256: str,
        body: Callable[[], Iterator[bytes]],
        size: int,
        stop: StopSignal,
    ) -> None:
        """Write `size` bytes with this digest. `body` returns the content anew for each try.

        Raises JobError.
        """
        address = self.addresses.url_to_put(upload.key, LIFETIME, sha256)
        headers = {"Content-Type": upload.content_type, **checksum_headers(sha256)}
        self.transfer.store(address, body, size, headers, stop)
