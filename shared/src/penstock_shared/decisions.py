"""Decisions about records, as plain values: no store, no publisher, no clock.

A domain function takes a record, or None if there is none yet, and returns a `Decision`. It is
pure. `penstock_shared.persistence.outbox` carries decisions out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from penstock_shared.contracts.event import Event, EventData


class Record(BaseModel):
    """The state of one thing that a service owns. Subclasses list their transitions."""

    model_config = ConfigDict(frozen=True, defer_build=True)
    transitions: ClassVar[Mapping[Any, frozenset[Any]]] = {}

    state: StrEnum
    deadline: datetime | None = None
    """When the sweeper must check a record that waits for something; None if it does not wait."""

    @property
    def is_listed(self) -> bool:
        """Whether a store that lists its records lists this one."""
        return True

    @classmethod
    def allows(cls, before: Any, after: Any) -> bool:
        """Whether this transition is allowed. Staying in a state that is not final always is."""
        following = cls.transitions.get(before, frozenset())
        return after in following or (before == after and bool(following))


R = TypeVar("R", bound=Record)


class Result(StrEnum):
    """The result of a decision."""

    APPLIED = "applied"
    ALREADY_DONE = "already-done"
    STALE = "stale"
    ILLEGAL = "illegal"
    REFUSED = "refused"


@dataclass(frozen=True)
class Write(Generic[R]):
    """Write this record, and publish these events.

    `by_way_of` are the records in between when several decisions were made in turn.
    """

    record: R
    says: Sequence[EventData] = ()
    by_way_of: Sequence[R] = ()


@dataclass(frozen=True)
class Refusal:
    """Write nothing. The text is the reason."""

    result: Result
    reason: str = ""


def already_done(reason: str = "") -> Refusal:
    """The record has the message's effect already."""
    return Refusal(Result.ALREADY_DONE, reason)


def stale(reason: str) -> Refusal:
    """The message is about a state that is past."""
    return Refusal(Result.STALE, reason)


Decision = Write[R] | Refusal


def in_turn(known: R | None, steps: Iterable[Callable[[R | None], Decision[R]]]) -> Decision[R]:
    """Combine several decisions into one. Each is made on the record that the earlier ones left.

    The result is a refusal only if all of them are: the last one.
    """
    refusal: Refusal = already_done()
    passed: list[R] = []
    says: list[EventData] = []
    for step in steps:
        decision = step(passed[-1] if passed else known)
        if isinstance(decision, Refusal):
            refusal = decision
        else:
            passed += (*decision.by_way_of, decision.record)
            says += decision.says
    return Write(passed[-1], says, passed[:-1]) if passed else refusal


@dataclass(frozen=True)
class Cause:
    """The cause of a change. Its events take flow, trace and hop from it.

    `hop` counts the rounds of the flow so far, see `EventData.advances`.
    """

    flow_id: str
    traceparent: str
    hop: int = 0

    @classmethod
    def of(cls, event: Event[EventData], traceparent: str = "") -> "Cause":
        """An event as the cause, in the span that handles it."""
        return cls(event.subject, traceparent or event.traceparent, event.hop)


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """The result of a decision, and the record as it is now (None if there is none)."""

    result: Result
    record: R | None
    reason: str = ""

    @property
    def applied(self) -> bool:
        """Whether this call changed the record."""
        return self.result is Result.APPLIED
