"""The floor under W1: the time of the four phases when only a shell runs them."""

import subprocess
import time

from bench.workloads import Latency

STAGES = 4


def latency(runs: int) -> Latency:
    """Spawn `true` four times in a row, `runs` times."""
    return Latency.of([_one_run() * 1000 for _ in range(runs)])


def _one_run() -> float:
    begun = time.perf_counter()
    for _ in range(STAGES):
        subprocess.run(["true"], check=True)
    return time.perf_counter() - begun
