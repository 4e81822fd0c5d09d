"""Starts flows and ends them, each once, and says what became of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from build_service.domain import build
from build_service.domain.build import Build
from penstock_shared.clock import Clock
from penstock_shared.contracts.change import Change
from penstock_shared.contracts.events import FlowStopped
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.identifiers import retry_id_for
from penstock_shared.persistence.outbox import Records
from penstock_shared.tracing import new_traceparent


@dataclass(frozen=True)
class ReceivedPush:
    """The flow of a change, and whether this delivery started it.

    `stopped` is why and by whom the flow was stopped before its push arrived; else empty.
    """

    flow_id: str
    started: bool
    stopped: str = ""


@dataclass(frozen=True)
class Held:
    """A pull request waits, and for what."""

    reason: str


@dataclass(frozen=True)
class Cancelled:
    """A pull request is over. `flow_id` is the flow that checked it; empty if there was none."""

    reason: str
    flow_id: str


@dataclass(frozen=True)
class Starting:
    """The flows of the service, by their ids."""

    records: Records[Build]
    clock: Clock

    def start(self, flow_id: str, change: Change, attempt: int = 1) -> Outcome[Build]:
        """Start a flow, unless there is one of this id."""
        now = self.clock()
        return self.records.change(
            flow_id,
            self._cause(flow_id),
            lambda known: build.receive(flow_id, known, change, now, attempt),
            expect_new=True,
        )

    def end(self, flow_id: str, stopped: FlowStopped) -> None:
        """End a flow and its later attempts, those of them that have not ended."""
        for attempt in self._attempts_of(flow_id):
            self._end(attempt, stopped)

    def newest_attempt(self, known: Build) -> Build:
        """The attempt of this flow that was started last."""
        while following := self.records.get(retry_id_for(known.flow_id, known.attempt + 1)):
            known = following
        return known

    def _end(self, flow_id: str, stopped: FlowStopped) -> None:
        self.records.change(
            flow_id,
            self._cause(flow_id),
            lambda known: build.cancel(flow_id, known, stopped),
        )

    def _attempts_of(self, flow_id: str) -> Iterator[str]:
        yield flow_id
        attempt = 2
        while self.records.get(flow_id := retry_id_for(flow_id, attempt)):
            yield flow_id
            attempt += 1

    def _cause(self, flow_id: str) -> Cause:
        return Cause(flow_id, new_traceparent(flow_id, self.clock()))


def received(flow_id: str, outcome: Outcome[Build]) -> ReceivedPush:
    """What became of a flow that a delivery asked for."""
    stopped = outcome.record.stopped_early if outcome.record else ""
    return ReceivedPush(flow_id, outcome.applied and not stopped, stopped)
