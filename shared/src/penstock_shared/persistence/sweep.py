"""The sweeper: publishes events that stayed pending, and ends what is overdue."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from penstock_shared.decisions import Cause, Decision, Record
from penstock_shared.observability import Telemetry
from penstock_shared.persistence.outbox import Records
from penstock_shared.tracing import new_traceparent

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Sweep(Generic[R]):
    """The sweeper of one service.

    `overdue` decides about a record whose deadline is past; `flow_of` returns a record's flow.
    """

    records: Records[R]
    telemetry: Telemetry
    overdue: Callable[[R | None, datetime], Decision[R]]
    flow_of: Callable[[str, R], str]

    def __call__(self) -> int:
        """Check every record that is due; returns how many there were.

        A record that fails does not stop the sweeper.
        """
        now = self.records.clock()
        keys = self.records.store.due(now)
        for key in keys:
            try:
                self._look_at(key, now)
            except Exception:
                self.telemetry.logger.exception("could not sweep", key=key)
        return len(keys)

    def _look_at(self, key: str, now: datetime) -> None:
        record = self.records.resume(key)
        if record is None:
            return
        flow_id = self.flow_of(key, record)
        cause = Cause(flow_id, new_traceparent(flow_id, now))
        with self.telemetry.message("sweep", flow_id) as span:
            outcome = self.records.change(key, cause, lambda known: self.overdue(known, now))
            span.outcome(outcome.result, outcome.reason)
