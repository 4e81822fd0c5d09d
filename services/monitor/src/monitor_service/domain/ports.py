"""What the monitor needs from outside: where facts are kept, where plans and logs are read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from monitor_service.domain.facts import Fact
from monitor_service.domain.recording import Recording
from penstock_shared.contracts.plan import ObjectRef, Plan


@dataclass(frozen=True)
class FlowPage:
    """Ids of flows, newest first, and where to go on; `next` is None at the end."""

    flow_ids: Sequence[str]
    next: str | None


class FactStore(Protocol):
    """The flows table."""

    def record(self, flow_id: str, recording: Recording, expires_at: datetime) -> bool:
        """Keep the fact unless it, or an earlier telling of it, is kept; whether it was written."""
        ...

    def facts(self, flow_id: str) -> Sequence[Fact]:
        """Every fact of one flow."""
        ...

    def facts_of_part(self, flow_id: str, part: str) -> Sequence[Fact]:
        """The facts of one part of a flow, such as one job."""
        ...

    def flow_facts(self, flow_ids: Iterable[str]) -> Mapping[str, Sequence[Fact]]:
        """What is known of each of up to 100 flows as a whole, without its jobs."""
        ...

    def newest(self, repository: str | None, limit: int, cursor: str | None) -> FlowPage:
        """Up to `limit` flows, newest first. Raises BadRequestError for a wrong `cursor`."""
        ...


class PlanSource(Protocol):
    """Plans, as build wrote them."""

    def plan(self, reference: ObjectRef) -> Plan | None:
        """The plan that a flow points at; None if it cannot be read."""
        ...


@dataclass(frozen=True)
class PrintedLine:
    """One line of a job's output."""

    at: datetime
    text: str


@dataclass(frozen=True)
class LogPage:
    """Some lines; `next` is where to go on, the same as before when nothing more is there yet.

    Empty is the beginning.
    """

    lines: Sequence[PrintedLine]
    next: str


class LogSource(Protocol):
    """The output of jobs."""

    def read(self, stream: str, after: str) -> LogPage:
        """Up to 1 MB of a stream's lines; none if there is no stream yet.

        Raises BadRequestError for an `after` that is no earlier page's `next`.
        """
        ...
