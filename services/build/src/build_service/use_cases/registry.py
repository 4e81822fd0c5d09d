"""Looks up registered repositories and their secrets, and remembers both for a short time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from build_service.domain.registration import Registration, registration_key
from build_service.domain.secrets import RepositorySecrets
from penstock_shared.clock import Clock
from penstock_shared.contracts.answers import WriteCredential
from penstock_shared.contracts.registration import RegisteredRepository
from penstock_shared.persistence.outbox import Records

KEPT = timedelta(seconds=30)
"""How long a container acts on what it read. A change of a registration takes effect within it."""
JUST_NOW = timedelta(seconds=1)
"""A refusal is decided on what was read this recently, so that new secrets and repositories work at
once. It is not zero, so that a flood of forged deliveries costs few calls."""
FRESH = timedelta(0)
"""What was read before counts for nothing."""

T = TypeVar("T")


class Secrets(Protocol):
    """A store of the secrets of repositories, by the repositories' ids."""

    def get(self, repository: str) -> RepositorySecrets | None:
        """The secrets of a repository, or None."""
        ...

    def put(self, repository: str, secrets: RepositorySecrets) -> None:
        """Write the secrets of a repository."""
        ...

    def delete(self, repository: str) -> None:
        """Delete the secrets of a repository."""
        ...


class WriteCredentials(Protocol):
    """A store of what forges are told with, by the repositories' ids."""

    def put(self, repository: str, credential: WriteCredential) -> None:
        """Write the credential of a repository."""
        ...

    def delete(self, repository: str) -> None:
        """Delete the credential of a repository."""
        ...


@dataclass
class _Kept(Generic[T]):
    """Values with the moment at which each was read. That there is none is not remembered."""

    read: Callable[[str], T | None]
    values: dict[str, tuple[datetime, T]] = field(default_factory=dict)

    def get(self, key: str, now: datetime, age: timedelta) -> T | None:
        known = self.values.get(key)
        if known and now - known[0] < age:
            return known[1]
        fresh = self.read(key)
        self.values.pop(key, None)
        if fresh is not None:
            self.values[key] = now, fresh
        return fresh


class Registry:
    """The registered repositories, by id. What is read is at most `age` old."""

    def __init__(self, records: Records[Registration], secrets: Secrets, clock: Clock) -> None:
        self._clock = clock
        self._repositories: _Kept[RegisteredRepository] = _Kept(
            lambda repository: _current(records.get(registration_key(repository)))
        )
        self._secrets: _Kept[RepositorySecrets] = _Kept(secrets.get)

    def find(self, repository: str, age: timedelta = KEPT) -> RegisteredRepository | None:
        """The repository with this id, or None if there is none."""
        return self._repositories.get(repository, self._clock(), age)

    def secrets_of(self, repository: str, age: timedelta = KEPT) -> RepositorySecrets | None:
        """The secrets of the repository with this id, or None if there are none."""
        return self._secrets.get(repository, self._clock(), age)


def _current(known: Registration | None) -> RegisteredRepository | None:
    return known.current if known else None
