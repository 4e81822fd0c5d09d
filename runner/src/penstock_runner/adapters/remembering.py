"""Spares the read before a write: who holds a lease wrote the record last, and knows it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from penstock_shared.decisions import Record
from penstock_shared.persistence.outbox import RecordStore, Stored

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class RememberingStore(Generic[R]):
    """Answers the read after a write from memory, once. Writes check versions in the store all
    the same: one that was made from an outdated memory is refused, and the next read is real.
    """

    store: RecordStore[R]
    _last: dict[str, Stored[R]] = field(default_factory=dict)

    def get(self, key: str) -> Stored[R] | None:
        """The record as it was last written from here, or else as it is."""
        return self._last.pop(key, None) or self.store.get(key)

    def put(self, key: str, stored: Stored[R]) -> None:
        """Write and remember. Raises VersionConflictError."""
        self.store.put(key, stored)
        self._last[key] = stored

    def clear(self, key: str, stored: Stored[R]) -> None:
        """Forget the pending events of this version, in the store and here."""
        self.store.clear(key, stored)
        self._last.pop(key, None)

    def due(self, now: datetime) -> Sequence[str]:
        """Keys of records that somebody must look at."""
        return self.store.due(now)
