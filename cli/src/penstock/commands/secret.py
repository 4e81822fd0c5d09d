"""`penstock secret`: the secrets that jobs are given."""

import sys
from difflib import get_close_matches
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from penstock.commands.options import (
    HomeOption,
    JsonOption,
    ProfileOption,
    RepositorysForgeOption,
    StageOption,
)
from penstock.commands.output import console, print_json, say
from penstock.connection import Connection, connect
from penstock.errors import RefusedError, UsageError
from penstock.registry import registered
from penstock.secrets import SecretJson, SecretsClient, checked_value
from penstock.words import ago, now
from penstock_shared.contracts.change import Forge, Trust
from penstock_shared.contracts.model import is_name
from penstock_shared.contracts.secrets import SecretPlace, StoredSecret, is_secret_name

secret = typer.Typer(
    name="secret",
    help="Set, list and remove the secrets that jobs are given. Values are never shown.",
    no_args_is_help=True,
)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Letters, digits and _, as of a variable.")
]
RepositoryOption = Annotated[str, typer.Option(help="Whose jobs: owner/name.")]
EnvironmentOption = Annotated[
    str,
    typer.Option(help="Only for jobs that deploy to this environment; else for any job."),
]


@secret.command("set")
def set_secret(  # noqa: PLR0913  # each parameter is an option of the command
    name: NameArgument,
    *,
    repository: RepositoryOption,
    forge: RepositorysForgeOption = None,
    environment: EnvironmentOption = "",
    trust: Annotated[
        Trust, typer.Option(help="release: only flows of protected refs. check: others too.")
    ] = Trust.RELEASE,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Store a secret, or replace it. Its value is read from the standard input."""
    if trust is Trust.FORK:
        raise UsageError("no secret is given to forks: --trust is release or check")
    connection = connect(stage, profile, home)
    checked_name(name)
    place = _place(connection, forge, repository, environment)
    value = checked_value(_value(name))
    stored = StoredSecret(value=value, trust=trust)
    new = _secrets(connection).set(place, name, stored)
    where = f"jobs that deploy to {environment}" if environment else "any job"
    whose = "protected refs only" if trust is Trust.RELEASE else "all of its own refs"
    console().print(
        f"{'Stored' if new else 'Replaced'} secret {name} of {place.repository} for {where}, "
        f"of {whose}."
    )
    for line in _doubts(connection, place):
        say(line, "yellow", stderr=True)


@secret.command("list")
def list_secrets(
    *,
    repository: Annotated[
        str | None, typer.Option(help="Only this repository's: owner/name.")
    ] = None,
    forge: Annotated[Forge | None, typer.Option(help="Only this forge's.")] = None,
    as_json: JsonOption = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """List secrets by name, without their values."""
    connection = connect(stage, profile, home)
    found = [
        one
        for one in _secrets(connection).list()
        if repository in {None, one["repository"]} and forge in {None, one["forge"]}
    ]
    if as_json:
        print_json(found)
    elif found:
        console().print(_table(found))
    else:
        console().print("There are no secrets.")


@secret.command("remove")
def remove_secret(
    name: NameArgument,
    *,
    repository: RepositoryOption,
    forge: RepositorysForgeOption = None,
    environment: EnvironmentOption = "",
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Forget a secret, at once and for good."""
    connection = connect(stage, profile, home)
    place = _place(connection, forge, repository, environment)
    _secrets(connection).remove(place, checked_name(name))
    console().print(f"Removed secret {name} of {place.repository}.")


def checked_name(name: str) -> str:
    """The name, if it can be a secret's. Raises UsageError."""
    if not is_secret_name(name):
        raise UsageError(
            f"{name!r} is no name of a secret: use at most 64 letters, digits and _, and no digit "
            "first"
        )
    return name


def _value(name: str) -> bytes:
    """The value from the standard input, which a terminal does not show while it is typed."""
    if sys.stdin.isatty():
        return str(typer.prompt(f"Value of {name}", hide_input=True)).encode()
    return sys.stdin.buffer.read()


def _secrets(connection: Connection) -> SecretsClient:
    return SecretsClient(connection.stage, connection.client)


def _place(
    connection: Connection, forge: Forge | None, repository: str, environment: str
) -> SecretPlace:
    """Where the secrets of a repository are; it must be registered, unless its forge is given.

    Raises UsageError, RefusedError, and what the registry refuses with.
    """
    if environment and not is_name(environment):
        raise UsageError(f"{environment!r} is no name of an environment")
    if forge is None:
        found = registered(connection.registry, repository)
        if environment and not found.allowance.reaches(environment):
            raise RefusedError(
                f"{repository} may not deploy to {environment}: its environments are "
                f"{', '.join(found.allowance.environments)}"
            )
        forge, repository = found.forge, found.full_name
    return SecretPlace(connection.stage, forge, repository, environment)


def _doubts(connection: Connection, place: SecretPlace) -> list[str]:
    """What a person may want to know about an environment that no flow has deployed to so far."""
    known = _environments_of(connection, place.repository) if place.environment else []
    if not known or place.environment in known:
        return []
    near = get_close_matches(place.environment, known, n=1, cutoff=0.4)
    meant = f" Did you mean {near[0]}?" if near else ""
    there = " and ".join(known)
    doubt = (
        f"The newest flow of {place.repository} that succeeded deployed to {there}, and not to "
        f"{place.environment}.{meant}"
    )
    return [doubt]


def _environments_of(connection: Connection, repository: str) -> list[str]:
    """The environments of the repository's newest flow that succeeded; empty if none has."""
    for newest in connection.api.flows(1, repository, "succeeded"):
        components = connection.api.flow(newest["flow_id"])["components"]
        return sorted({place["environment"] for one in components for place in one["deployments"]})
    return []


def _table(found: list[SecretJson]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("NAME", "REPOSITORY", "FORGE", "ENVIRONMENT", "TRUST", "CHANGED"):
        table.add_column(heading, overflow="fold", header_style="dim")
    for one in found:
        environment = one["environment"]
        table.add_row(
            Text(one["name"], no_wrap=True),
            Text(one["repository"]),
            one["forge"],
            environment or Text("any", "dim"),
            one["trust"],
            ago(one["changed_at"], now()),
        )
    return table
