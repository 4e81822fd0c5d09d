"""In-memory stand-ins for what lies outside a service."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Generic, TypeVar

from penstock_shared.contracts.event import Event, EventData, decode, encode
from penstock_shared.decisions import Record
from penstock_shared.errors import VersionConflictError
from penstock_shared.persistence.outbox import Records, Stored
from penstock_shared.service import Service

R = TypeVar("R", bound=Record)
D = TypeVar("D", bound=EventData)


@dataclass
class FakeClock:
    """A clock that stands still until it is told otherwise."""

    now: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time it shows."""
        return self.now

    def advance(self, **amount: float) -> None:
        """Move on, for example `advance(seconds=5)`."""
        self.now += timedelta(**amount)


@dataclass
class InMemoryRecordStore(Generic[R]):
    """The record store as a dictionary, with the same version checks as the real one."""

    items: dict[str, Stored[R]] = field(default_factory=dict)

    def get(self, key: str) -> Stored[R] | None:
        """The record under this key, or None."""
        return self.items.get(key)

    def put(self, key: str, stored: Stored[R]) -> None:
        """Write this version over the one before it. Raises VersionConflictError."""
        current = self.items.get(key)
        if (current.version if current else 0) != stored.version - 1:
            raise VersionConflictError(f"{key} is no longer version {stored.version - 1}")
        self.items[key] = stored

    def clear(self, key: str, stored: Stored[R]) -> None:
        """Forget the pending events, unless a newer version has taken them over."""
        current = self.items.get(key)
        if current and current.version == stored.version:
            self.items[key] = Stored(current.record, current.version)

    def due(self, now: datetime) -> Sequence[str]:
        """Keys of records that somebody must look at."""
        return [key for key, stored in self.items.items() if stored.pending or _past(stored, now)]


def _past(stored: Stored[R], now: datetime) -> bool:
    return stored.record.deadline is not None and stored.record.deadline <= now


@dataclass
class InMemoryMemo:
    """The memo as a dictionary."""

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def recall(self, keys: Iterable[str]) -> Mapping[str, dict[str, Any]]:
        """The answers that are known, by key."""
        return {key: self.answers[key] for key in keys if key in self.answers}

    def remember(self, answers: Mapping[str, dict[str, Any]]) -> None:
        """Keep answers."""
        self.answers.update(answers)


@dataclass
class RecordingPublisher:
    """Remembers what was said, as a consumer would read it. `fails` makes it refuse."""

    said: list[Event[EventData]] = field(default_factory=list)
    fails: Exception | None = None

    def publish(self, events: Sequence[Event[EventData]]) -> None:
        """Remember the events, or raise `fails`."""
        if self.fails:
            raise self.fails
        self.said.extend(decode(encode(event)) for event in events)

    def types(self) -> list[str]:
        """The types of what was said, in order."""
        return [event.type for event in self.said]

    def only(self, data_class: type[D]) -> list[D]:
        """The data of every event of that type, in order."""
        return [event.data for event in self.said if isinstance(event.data, data_class)]


def fake_records(source: str = "penstock/test", clock: FakeClock | None = None) -> Records[R]:
    """Records over an in-memory store and a recording publisher."""
    return Records(InMemoryRecordStore(), RecordingPublisher(), source, clock or FakeClock())


def forget(service: Service[Any]) -> None:
    """Have a service made anew by its next call, from the settings as they are then."""
    for name, attribute in vars(Service).items():
        if isinstance(attribute, cached_property):
            vars(service).pop(name, None)
