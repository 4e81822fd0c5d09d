"""A flow on a time axis: where each bar and each tick stands, in percent of the width."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor_service.domain.view import FlowView, JobView, PhaseView
from monitor_service.web.words import span

NARROWEST = 0.7
"""Percent; a bar that is shorter could not be seen."""
MOST_TICKS = 6
_STEPS = (
    0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200,
    86400,
)  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """From where, and how wide, in percent. `state` names its colour."""

    left: float
    width: float
    state: str


@dataclass(frozen=True)
class Tick:
    """A mark on the axis."""

    left: float
    label: str


@dataclass(frozen=True)
class Axis:
    """The time that a page shows: from a flow's start to its last sign of life."""

    start: datetime
    seconds: float

    def bar(self, began: datetime | None, ended: datetime, state: str) -> Bar | None:
        """The bar of something that began then; None if it did not."""
        if began is None:
            return None
        left = min(self._percent(began), 100 - NARROWEST)
        width = max(self._percent(ended) - left, NARROWEST)
        return Bar(round(left, 2), round(min(width, 100 - left), 2), state)

    def ticks(self) -> Iterator[Tick]:
        """Marks at round times, the start not among them."""
        step = next((step for step in _STEPS if self.seconds / step <= MOST_TICKS), _STEPS[-1])
        count = int(self.seconds / step)
        for number in range(1, min(count, MOST_TICKS) + 1):
            seconds = number * step
            left = round(seconds / self.seconds * 100, 2)
            if left < 93:
                yield Tick(left, span(timedelta(seconds=seconds)))

    def _percent(self, moment: datetime) -> float:
        share = (moment - self.start).total_seconds() / self.seconds * 100
        return max(0.0, min(100.0, share))


def axis_of(flow: FlowView, now: datetime) -> Axis:
    """The axis that everything in the flow has room on. Ends now if the flow has not ended."""
    last = max(_ends(flow, now))
    return Axis(flow.started_at, max((last - flow.started_at).total_seconds(), 0.1))


def bar_of(axis: Axis, what: PhaseView | JobView, now: datetime) -> Bar | None:
    """The bar of a phase or a job; one that still runs reaches to now."""
    state = str(what.state)
    return axis.bar(what.started_at, what.finished_at or now, state)


def _ends(flow: FlowView, now: datetime) -> Iterator[datetime]:
    yield flow.finished_at or now
    for phase in flow.phases:
        yield phase.finished_at or flow.started_at
        yield from (job.finished_at or flow.started_at for job in phase.jobs)
    yield from (rollback.at for rollback in flow.rollbacks)
