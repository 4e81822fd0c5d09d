"""How the benchmark counts memory that processes share."""

import mmap
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.memory import proportional_bytes

MEGABYTE = 1024 * 1024


@contextmanager
def forked() -> Iterator[int]:
    waiting, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go)
        os.read(waiting, 1)
        os._exit(0)
    os.close(waiting)
    try:
        yield pid
    finally:
        os.close(go)
        os.waitpid(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_that_a_fork_shares_counts_once() -> None:
    with mmap.mmap(-1, 64 * MEGABYTE) as shared:
        shared.write(b"x" * len(shared))
        alone = proportional_bytes([os.getpid()])
        with forked() as child:
            together = proportional_bytes([os.getpid()])
            assert 0 < proportional_bytes([child]) < alone

    assert together - alone < 32 * MEGABYTE
