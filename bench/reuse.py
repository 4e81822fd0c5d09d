"""W5: what a push costs whose results are known, and a merge of what a branch has checked.

Nothing is built or tested of an unchanged push. A merge is built and tested again, because a
release uses nothing that a flow of lower trust has left behind.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from statistics import mean, median
from typing import Any

from bench.errors import PipelineError
from bench.penstock_subject import PenstockSubject
from bench.pushes import Push, WorkloadRepository
from bench.usage import Meter, Usage

FLOWS = 10
_SETTLE_SECONDS = 4.0
"""Seconds for a flow to end in, during which nothing polls it."""
_PATIENCE = 60.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Reuse:
    """What a flow took: seconds from push to finished (p50), AWS calls, invocations and jobs."""

    seconds: float
    calls: float
    invocations: float
    jobs: float


def unchanged(subject: PenstockSubject, repository: WorkloadRepository) -> Reuse:
    """Pushes of main that change a document only. Raises CountingError, PipelineError."""
    _finish(subject, repository.pushes(1)[0])
    return _measured(subject, repository.documents(FLOWS))


def merged(subject: PenstockSubject, repository: WorkloadRepository) -> Reuse:
    """Pushes of main to what a branch has checked. Raises CountingError, PipelineError."""
    return _measured(subject, _checked(subject, repository))


def _checked(subject: PenstockSubject, repository: WorkloadRepository) -> Iterator[Push]:
    for _ in range(FLOWS):
        _finish(subject, repository.branch())
        yield repository.merge()


def _measured(subject: PenstockSubject, pushes: Iterable[Push]) -> Reuse:
    meter = Meter(subject.stack)
    idle = meter.during(lambda: time.sleep(_SETTLE_SECONDS))
    taken = [_one(subject, meter, push, idle) for push in pushes]
    return Reuse(
        seconds=median(one.seconds for one in taken),
        calls=mean(one.calls for one in taken),
        invocations=mean(one.invocations for one in taken),
        jobs=mean(one.jobs for one in taken),
    )


def _one(subject: PenstockSubject, meter: Meter, push: Push, idle: Usage) -> Reuse:
    flows: list[str] = []

    def post() -> None:
        flows.append(subject.post_push(push))
        time.sleep(_SETTLE_SECONDS)

    used = meter.during(post).per_flow(idle, 1)
    flow = _finished(subject, flows[0])
    began, ended = (datetime.fromisoformat(flow[name]) for name in ("started_at", "finished_at"))
    return Reuse(
        seconds=(ended - began).total_seconds(),
        calls=sum(used.calls.values()),
        invocations=used.meters.get("lambda invocations", 0),
        jobs=sum(len(phase["jobs"]) for phase in flow["phases"]),
    )


def _finish(subject: PenstockSubject, push: Push) -> None:
    _finished(subject, subject.post_push(push))


def _finished(subject: PenstockSubject, flow_id: str) -> dict[str, Any]:
    """The flow, once it has succeeded. Checks end without the event that W1 waits for."""
    until = time.monotonic() + _PATIENCE
    while (state := subject.state_of(flow_id)) != "succeeded":
        if time.monotonic() > until:
            raise PipelineError(f"penstock: {flow_id} is {state or 'unknown'} after {_PATIENCE} s")
        time.sleep(_POLL_SECONDS)
    return subject.flow(flow_id)
