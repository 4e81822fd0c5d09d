"""The workloads, which are the same for every subject.

W1: one push at a time, from the webhook's POST to the pipeline recorded as finished.
W2: fifty pushes posted at once, until all fifty are finished.
"""

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, Self

from bench.memory import PeakMemory
from bench.pushes import Push, WorkloadRepository

WARM_UP_RUNS = 3
BURST = 50
ONE_FLOW_SECONDS = 60.0
BURST_SECONDS = 600.0


class Subject(Protocol):
    """A system that takes pushes and finishes pipelines."""

    @property
    def name(self) -> str:
        """The name of the subject in the results."""
        ...

    def start(self) -> None:
        """Start all processes, and return when pushes are accepted. Raises SubjectError."""
        ...

    def post_push(self, push: Push) -> str:
        """Post one push to the webhook, and return the name of the flow that it starts."""
        ...

    def wait_finished(self, flows: Sequence[str], seconds: float) -> None:
        """Return as soon as all flows are recorded as succeeded.

        Raises PipelineError as soon as one has ended otherwise, or on timeout.
        """
        ...

    def server_pids(self) -> list[int]:
        """Return the processes that it started, without their descendants."""
        ...

    def stop(self) -> None:
        """End all processes, also after a failed start."""
        ...


@dataclass(frozen=True)
class Latency:
    """Milliseconds from push to finished."""

    p50: float
    p95: float

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> Self:
        """Summarise at least two readings."""
        return cls(
            p50=statistics.median(milliseconds),
            p95=statistics.quantiles(milliseconds, n=20, method="inclusive")[-1],
        )


@dataclass(frozen=True)
class Throughput:
    """Pipelines finished per minute in a burst, and the servers' peak memory in bytes."""

    pipelines_per_minute: float
    peak_bytes: int


def latency(subject: Subject, repository: WorkloadRepository, runs: int) -> Latency:
    """Run W1 `runs` times (at least 2), after a few runs that warm the subject up."""
    seconds = [_one_push(subject, repository) for _ in range(WARM_UP_RUNS + runs)]
    return Latency.of([each * 1000 for each in seconds][WARM_UP_RUNS:])


def _one_push(subject: Subject, repository: WorkloadRepository) -> float:
    (push,) = repository.pushes(1)
    begun = time.perf_counter()
    subject.wait_finished([subject.post_push(push)], ONE_FLOW_SECONDS)
    return time.perf_counter() - begun


def throughput(subject: Subject, repository: WorkloadRepository) -> Throughput:
    """Run W2 once."""
    pushes = repository.pushes(BURST)
    with PeakMemory(subject.server_pids) as memory, ThreadPoolExecutor(BURST) as posting:
        begun = time.perf_counter()
        flows = list(posting.map(subject.post_push, pushes))
        subject.wait_finished(flows, BURST_SECONDS)
        seconds = time.perf_counter() - begun
    return Throughput(BURST * 60 / seconds, memory.bytes)
