"""In-memory fakes of what lies outside a service."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Generic, TypeVar

from penstock_shared.contracts.change import Trust, readable_by
from penstock_shared.contracts.event import Event, EventData, decode, encode
from penstock_shared.decisions import Record
from penstock_shared.errors import VersionConflictError
from penstock_shared.persistence.memo import Answer, is_made_with, toolchain_of
from penstock_shared.persistence.outbox import Records, Stored
from penstock_shared.service import Service

R = TypeVar("R", bound=Record)
D = TypeVar("D", bound=EventData)


@dataclass
class FakeClock:
    """A clock that moves only when it is advanced."""

    now: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The current time of this clock."""
        return self.now

    def advance(self, **amount: float) -> None:
        """Advance the clock, for example `advance(seconds=5)`."""
        self.now += timedelta(**amount)


@dataclass
class InMemoryRecordStore(Generic[R]):
    """A record store in a dictionary, with the version checks of the real one."""

    items: dict[str, Stored[R]] = field(default_factory=dict)

    def get(self, key: str) -> Stored[R] | None:
        """The record under this key, or None."""
        return self.items.get(key)

    def put(self, key: str, stored: Stored[R]) -> None:
        """Replace the version before this one. Raises VersionConflictError."""
        current = self.items.get(key)
        if (current.version if current else 0) != stored.version - 1:
            raise VersionConflictError(f"{key} is no longer version {stored.version - 1}")
        self.items[key] = stored

    def clear(self, key: str, stored: Stored[R]) -> None:
        """Remove the pending events, unless a newer version has replaced this one."""
        current = self.items.get(key)
        if current and current.version == stored.version:
            self.items[key] = Stored(current.record, current.version)

    def due(self, now: datetime) -> Sequence[str]:
        """Keys of records that are due."""
        return [key for key, stored in self.items.items() if stored.pending or _past(stored, now)]

    def listed(self) -> Sequence[str]:
        """Keys of all records that are to be listed."""
        return [key for key, stored in self.items.items() if stored.record.is_listed]


def _past(stored: Stored[R], now: datetime) -> bool:
    return stored.record.deadline is not None and stored.record.deadline <= now


@dataclass
class InMemoryMemo:
    """A memo in a dictionary, by the trust that an answer comes from and its key."""

    answers: dict[tuple[Trust, str], Answer] = field(default_factory=dict)
    toolchains: dict[Trust, str] = field(default_factory=dict)

    def recall(
        self, trust: Trust, keys: Iterable[str], *, of_any_toolchain: bool = False
    ) -> Mapping[str, Answer]:
        """The answers that a flow of this trust may use, by key."""
        toolchain = "" if of_any_toolchain else self.toolchains.get(trust, "")
        wanted = list(keys)
        return {
            key: self.answers[writer, key]
            for writer in reversed(readable_by(trust))
            for key in wanted
            if (writer, key) in self.answers and is_made_with(self.answers[writer, key], toolchain)
        }

    def remember(self, trust: Trust, answers: Mapping[str, Answer]) -> None:
        """Keep answers."""
        self.answers.update({(trust, key): answer for key, answer in answers.items()})
        if toolchain := toolchain_of(answers):
            self.toolchains[trust] = toolchain


@dataclass
class RecordingPublisher:
    """Remembers published events as a consumer reads them. It raises `fails`, if set."""

    said: list[Event[EventData]] = field(default_factory=list)
    fails: Exception | None = None

    def publish(self, events: Sequence[Event[EventData]]) -> None:
        """Remember the events, or raise `fails`."""
        if self.fails:
            raise self.fails
        self.said.extend(decode(encode(event)) for event in events)

    def types(self) -> list[str]:
        """The types of the published events, in order."""
        return [event.type for event in self.said]

    def only(self, data_class: type[D]) -> list[D]:
        """The data of the published events of that type, in order."""
        return [event.data for event in self.said if isinstance(event.data, data_class)]


def fake_records(source: str = "penstock/test", clock: FakeClock | None = None) -> Records[R]:
    """Records over an in-memory store and a recording publisher."""
    return Records(InMemoryRecordStore(), RecordingPublisher(), source, clock or FakeClock())


def forget(service: Service[Any]) -> None:
    """Make a service forget its parts: its next call makes them from the settings of then."""
    for name, attribute in vars(Service).items():
        if isinstance(attribute, cached_property):
            vars(service).pop(name, None)
