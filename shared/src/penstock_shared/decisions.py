"""What should become of a record, as plain values: no store, no publisher, no clock.

A domain decides with pure functions from a record, or None where there is none yet, to a
`Decision`. `penstock_shared.persistence.outbox` carries decisions out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from penstock_shared.contracts.event import Event, EventData


class Record(BaseModel):
    """The state of one thing that a service owns. Subclasses list the transitions they allow."""

    model_config = ConfigDict(frozen=True, defer_build=True)
    transitions: ClassVar[Mapping[Any, frozenset[Any]]] = {}

    state: StrEnum
    deadline: datetime | None = None
    """When the sweeper must have a look, for a record that waits for something; else None."""

    @classmethod
    def allows(cls, before: Any, after: Any) -> bool:
        """Whether the transition table has this step. Staying in a state that is not final is
        always allowed.
        """
        following = cls.transitions.get(before, frozenset())
        return after in following or (before == after and bool(following))


R = TypeVar("R", bound=Record)


class Result(StrEnum):
    """What became of a decision."""

    APPLIED = "applied"
    ALREADY_DONE = "already-done"
    STALE = "stale"
    ILLEGAL = "illegal"


@dataclass(frozen=True)
class Change(Generic[R]):
    """Write this record, and say these things.

    `by_way_of` are the records that several decisions in turn passed through on the way here.
    """

    record: R
    says: Sequence[EventData] = ()
    by_way_of: Sequence[R] = ()


@dataclass(frozen=True)
class Refusal:
    """Write nothing, for this reason."""

    result: Result
    reason: str = ""


def already_done(reason: str = "") -> Refusal:
    """The message's effect is in the record already."""
    return Refusal(Result.ALREADY_DONE, reason)


def stale(reason: str) -> Refusal:
    """The message speaks of a state that is past."""
    return Refusal(Result.STALE, reason)


Decision = Change[R] | Refusal


def in_turn(known: R | None, steps: Iterable[Callable[[R | None], Decision[R]]]) -> Decision[R]:
    """One decision made of several, each on what those before it left.

    It is refused only if all of them are, as the last one was.
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
    return Change(passed[-1], says, passed[:-1]) if passed else refusal


@dataclass(frozen=True)
class Cause:
    """What a change is the consequence of: where its events take flow, trace and hop from.

    `hop` counts the rounds of the flow so far, see `EventData.advances`.
    """

    flow_id: str
    traceparent: str
    hop: int = 0

    @classmethod
    def of(cls, event: Event[EventData], traceparent: str = "") -> "Cause":
        """The cause that an event is, seen from the span that handles it."""
        return cls(event.subject, traceparent or event.traceparent, event.hop)


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """What became of a decision, and the record as it is now (None: there is none)."""

    result: Result
    record: R | None
    reason: str = ""

    @property
    def applied(self) -> bool:
        """Whether this call is the one that changed the record."""
        return self.result is Result.APPLIED
