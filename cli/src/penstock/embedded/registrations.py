"""The registrations of an embedded stack: a push to a local repository registers it."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from penstock.embedded.home import Home
from penstock.embedded.repository import local_repositories
from penstock.embedded.stack import STAGE, Stack
from penstock.errors import RefusedError
from penstock.registry import RegistryClient
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.registration import RegisteredRepository
from penstock_shared.contracts.registry import (
    AddRepository,
    ListRepositories,
    RotateSecret,
    SetRepository,
)

FORGE = Forge.GIT
"""The forge of local repositories."""


def refresh_repositories(home: Home, pushed: str = "") -> Stack:
    """Write the registered repositories to the stack file, and register the one that was `pushed`.

    Raises NotRunningError, and CommandError when the registry does not answer, or when the name
    that was pushed belongs to a repository at another address.
    """
    with _one_at_a_time(home):
        stack = Stack.load(home.folder)
        entries = [_entry(stack, home, one) for one in _registered(stack, home, pushed)]
        stack = replace(stack, repositories=entries)
        stack.save(home.stack_file)
        return stack


def _registered(stack: Stack, home: Home, pushed: str) -> list[RegisteredRepository]:
    registry = RegistryClient(STAGE, stack.client)
    known = registry.ask(ListRepositories()).repositories
    local = {(one.forge, one.full_name): one for one in known}
    for name, folder in local_repositories(home).items():
        registered, address = local.get((FORGE, name)), folder.as_uri()
        if registered is None and name == pushed:
            request = AddRepository(forge=FORGE, full_name=name, clone_url=address)
            known += registry.ask(request).repositories
        elif registered and registered.clone_url != address:
            if _is_elsewhere(registered):
                _refuse_push(registered, pushed)
                continue
            # The home has moved.
            registry.ask(SetRepository(full_name=name, forge=FORGE, clone_url=address))
    return list(known)


def _is_elsewhere(repository: RegisteredRepository) -> bool:
    """Whether somebody registered it with an address that is not in a home."""
    address = urlsplit(repository.clone_url)
    in_a_home = unquote(address.path).endswith(f"/git/{repository.full_name}.git")
    return address.scheme != "file" or not in_a_home


def _refuse_push(repository: RegisteredRepository, pushed: str) -> None:
    name = repository.full_name
    if name == pushed:
        raise RefusedError(
            f"{name} is registered with another address, {repository.clone_url}: push to another "
            f"name, or forget that one first (penstock repo remove {name})"
        )


def _entry(stack: Stack, home: Home, repository: RegisteredRepository) -> dict[str, str]:
    name = repository.full_name
    of_git = repository.forge is FORGE and not _is_elsewhere(repository)
    is_local = of_git and name in local_repositories(home)
    secret = _secret_of(stack, repository.id)
    if is_local and not secret:
        # The emulator was killed between the two writes of a registration.
        request = RotateSecret(full_name=name, forge=FORGE, overlap=0)
        secret = RegistryClient(STAGE, stack.client).ask(request).webhook_secret
    return {
        "name": name,
        "forge": repository.forge.value,
        "git_url": f"{stack.git_url}/{name}.git" if is_local else repository.clone_url,
        "webhook_url": f"{stack.webhook_url}/{repository.id}",
        "webhook_secret": secret,
    }


def _secret_of(stack: Stack, repository: str) -> str:
    """The webhook's secret; empty if there is none."""
    secrets: Any = stack.client("secretsmanager")
    try:
        found = secrets.get_secret_value(SecretId=f"penstock/{STAGE}/repositories/{repository}")
    except secrets.exceptions.ResourceNotFoundException:
        return ""
    return str(json.loads(found["SecretString"])["webhook"])


@contextmanager
def _one_at_a_time(home: Home) -> Iterator[None]:
    with (home.folder / "repositories.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
