"""C3: a job wrote into the runner's download cache."""

import hashlib
from pathlib import Path
from typing import IO

import pytest

from penstock_runner.adapters.bucket import Bucket
from penstock_runner.adapters.download_cache import DownloadCache
from penstock_runner.domain.interruption import StopSignal
from penstock_shared.contracts.jobs import Download, Job
from tests.unit.penstock_runner.fakes import a_job

SOURCE = b"the source of main"
DOWNLOAD = Download(key="snapshots/main.tar.gz", sha256=hashlib.sha256(SOURCE).hexdigest())


class HonestBucket(Bucket):
    """Holds the source."""

    def __init__(self) -> None:
        """Needs no addresses."""

    def fetch(self, key: str, job: Job, into: IO[bytes], limit: int, stop: StopSignal) -> None:
        into.write(SOURCE)


@pytest.fixture
def cache(tmp_path: Path) -> DownloadCache:
    return DownloadCache(tmp_path / "cache", tmp_path, 1_000_000, HonestBucket())


def read(cache: DownloadCache) -> bytes:
    with cache.open(DOWNLOAD, a_job(), StopSignal()) as content:
        return content.read()


def test_a_file_that_is_not_what_its_name_says_is_never_used(cache: DownloadCache) -> None:
    """A job stored its own source under the digest of main's: main was built from it."""
    cache.folder.mkdir()
    (cache.folder / DOWNLOAD.sha256).write_bytes(b"the attacker's source")

    assert read(cache) == SOURCE
    assert (cache.folder / DOWNLOAD.sha256).read_bytes() == SOURCE


def test_a_file_that_changes_after_it_was_verified_changes_nothing(cache: DownloadCache) -> None:
    """A job that holds the cached file open writes into it while another job reads it."""
    read(cache)
    with cache.open(DOWNLOAD, a_job(), StopSignal()) as content:
        with (cache.folder / DOWNLOAD.sha256).open("r+b") as kept:
            kept.write(b"the attacker's")
        assert content.read() == SOURCE
