"""The record of a registered repository, and what its clone address may be."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from urllib.parse import SplitResult, urlsplit

from build_service.domain.errors import RegistryError
from penstock_shared.contracts.registration import (
    CredentialKind,
    RegisteredRepository,
    repository_id,
)
from penstock_shared.contracts.registry import AddRepository, RefusalKind, SetRepository
from penstock_shared.decisions import Record, Write

_SCP = re.compile(r"[\w.-]+@[\w.-]+:")
"""The short form of ssh addresses, `git@host:owner/name`."""
LISTED_AS = "registration"
"""The name under which the table's index lists registrations."""


class RegistrationState(StrEnum):
    """Whether a repository may flow. A removed one may be registered again."""

    REGISTERED = "registered"
    REMOVED = "removed"


class Registration(Record):
    """What is registered of one repository. Its secrets are in Secrets Manager."""

    transitions: ClassVar[Mapping[RegistrationState, frozenset[RegistrationState]]] = {
        RegistrationState.REGISTERED: frozenset({RegistrationState.REMOVED}),
        RegistrationState.REMOVED: frozenset({RegistrationState.REGISTERED}),
    }

    state: RegistrationState = RegistrationState.REGISTERED
    repository: RegisteredRepository

    @property
    def current(self) -> RegisteredRepository | None:
        """The repository, unless it was removed."""
        return self.repository if self.state is RegistrationState.REGISTERED else None


def registration_key(repository: str) -> str:
    """The key of the record of the repository with this id."""
    return f"registration#{repository}"


def register(
    known: Registration | None, request: AddRepository, now: datetime
) -> Write[Registration]:
    """Register a repository. Raises RegistryError if it is registered already."""
    if known and known.current:
        raise RegistryError(
            RefusalKind.DUPLICATE,
            f"{request.full_name} on {request.forge} is registered already, since "
            f"{known.repository.registered_at:%Y-%m-%d}; `penstock repo set` changes it",
        )
    repository = RegisteredRepository(
        id=repository_id(request.forge, request.full_name),
        forge=request.forge,
        full_name=request.full_name,
        clone_url=request.clone_url,
        read_with=CredentialKind.TOKEN if request.credential else CredentialKind.NONE,
        allowance=request.allowance,
        registered_at=now,
        changed_at=now,
    )
    return Write(Registration(repository=repository))


def reconfigure(known: Registration, request: SetRepository, now: datetime) -> Write[Registration]:
    """Change what the request names."""
    repository = known.repository
    fields = ("protected", "least_bake", "environments", "deploy_prefix", "jobs_at_once", "forks")
    wanted = {field: getattr(request, field) for field in fields}
    given = {field: value for field, value in wanted.items() if value is not None}
    update = {
        "clone_url": request.clone_url or repository.clone_url,
        "read_with": _read_with(repository, request),
        "allowance": repository.allowance.model_copy(update=given),
        "changed_at": now,
    }
    return _with(known, repository.model_copy(update=update))


def answer(known: Registration, api_url: str, now: datetime) -> Write[Registration]:
    """Its forge is told at this address what becomes of its changes; nothing if it is empty."""
    update = {"answers": bool(api_url), "api_url": api_url, "changed_at": now}
    return _with(known, known.repository.model_copy(update=update))


def touch(known: Registration, now: datetime) -> Write[Registration]:
    """One of its secrets changes."""
    return _with(known, known.repository.model_copy(update={"changed_at": now}))


def remove(known: Registration, now: datetime) -> Write[Registration]:
    """The repository flows no more."""
    removed = touch(known, now).record
    return Write(removed.model_copy(update={"state": RegistrationState.REMOVED}))


def _with(known: Registration, repository: RegisteredRepository) -> Write[Registration]:
    return Write(known.model_copy(update={"repository": repository}))


def _read_with(repository: RegisteredRepository, request: SetRepository) -> CredentialKind:
    if request.credential:
        return CredentialKind.TOKEN
    return CredentialKind.NONE if request.forget_credential else repository.read_with


def check_clone_url(clone_url: str, schemes: tuple[str, ...], *, with_token: bool) -> None:
    """Raises RegistryError unless source can be fetched from this address."""
    try:
        parts = urlsplit(clone_url)
        problem = next(_problems_with(parts, schemes), "")
    except ValueError as error:
        problem = f"cannot be read: {error}"
    if not (clone_url.isascii() and clone_url.isprintable()) or " " in clone_url:
        problem = "must have no spaces, and no letters that are not ASCII"
    if not problem and with_token and parts.scheme != "https":
        problem = f"is {parts.scheme}, over which no token is sent: give an https address"
    if problem:
        raise RegistryError(RefusalKind.INVALID, f"the clone address {problem}")


def _problems_with(parts: SplitResult, schemes: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with an address, the most helpful first."""
    allowed = " or ".join(f"{scheme}://" for scheme in schemes)
    if parts.scheme == "ssh" or (not parts.scheme and _SCP.match(parts.path)):
        yield (
            "is one of ssh. Functions on Lambda have no ssh program, so deploy keys cannot be "
            "used: give the https address, and a token that may read"
        )
    if parts.scheme not in schemes:
        yield f"must begin with {allowed}"
    if parts.username is not None or parts.password is not None:
        yield "holds a user name or a password: give the token on the standard input"
    if parts.query or parts.fragment:
        yield "must have no query and no fragment"
    if parts.port == 0 or (parts.scheme != "file" and not parts.hostname):
        yield "names no host and port to fetch from"
