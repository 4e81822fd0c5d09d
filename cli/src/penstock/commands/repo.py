"""`penstock repo`: the repositories that may flow, and what each may do."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from pydantic_core import PydanticCustomError
from rich.table import Table

from penstock.commands.options import HomeOption, JsonOption, ProfileOption, StageOption
from penstock.commands.output import console, print_json
from penstock.connection import Connection, connect
from penstock.errors import UsageError
from penstock.flows import FlowJson
from penstock.remote import check_folder, forge_of
from penstock.rendering import repository_table, repository_view, waiting_table
from penstock.secrets import SecretJson, SecretsClient
from penstock_shared.configuration.fields import duration
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.model import Contract
from penstock_shared.contracts.registration import Allowance, Forks, RegisteredRepository
from penstock_shared.contracts.registry import (
    AddRepository,
    ListRepositories,
    ReadCredential,
    RegistryAnswer,
    RegistryRequest,
    RemoveRepository,
    RotateSecret,
    SetAnswers,
    SetRepository,
    ShowRepository,
)
from penstock_shared.contracts.secrets import SecretPlace

C = TypeVar("C", bound=Contract)


class Answering(StrEnum):
    """Whether a forge is told."""

    ON = "on"
    OFF = "off"


app = typer.Typer(name="repo", help="Register repositories, and say what each may do.")

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Its full name on the forge: owner/name.")
]
ForgeOption = Annotated[
    Forge | None, typer.Option(help="Where it lives; by default as its address says.")
]
WhichForgeOption = Annotated[
    Forge | None, typer.Option(help="Its forge, if two forges have one of this name.")
]
ProtectOption = Annotated[
    list[str] | None,
    typer.Option(help="A branch or a pattern of refs that may release. May be repeated."),
]
BakeOption = Annotated[
    str | None, typer.Option(help="The least time that its releases bake: 30m, 2h, 1d.")
]
EnvironmentOption = Annotated[
    list[str] | None,
    typer.Option(help="An environment that it may reach, or a pattern. May be repeated."),
]
PrefixOption = Annotated[str | None, typer.Option(help="How names of what it deploys must begin.")]
JobsOption = Annotated[
    int | None, typer.Option(help="The most jobs of one of its flows that wait or run at once.")
]
ForksOption = Annotated[
    Forks | None,
    typer.Option(
        help="What pull requests from other repositories start: nothing, a flow once somebody asks "
        "for it, or a flow at once."
    ),
]
TokenOption = Annotated[
    bool,
    typer.Option("--token", help="Read a token that may fetch it from the standard input."),
]
UserOption = Annotated[
    str | None, typer.Option(help="The user name that goes with the token; by default the forge's.")
]
_USERS = {
    Forge.GITHUB: "x-access-token",
    Forge.GITLAB: "oauth2",
    Forge.BITBUCKET: "x-token-auth",
}
"""The user names that forges expect beside a token. Others take any."""
_WORDS = {
    "full_name": "is owner/name, of letters, digits, `.`, `_` and `-`",
    "protected": "is a branch, or a pattern that begins with refs/, without spaces",
    "environments": "is the name of an environment or a pattern, without spaces",
    "deploy_prefix": "is at most 50 letters, digits, `-` and `_`",
    "jobs_at_once": "is a number from 1 to 1,000",
    "user": "is a user name, without spaces and colons",
    "token": "is a token: one line without spaces",
}


@app.command()
def add(  # noqa: PLR0913  # each parameter is an option of the command
    name: NameArgument,
    clone_url: Annotated[str, typer.Argument(metavar="ADDRESS", help="Its clone address, https.")],
    *,
    forge: ForgeOption = None,
    protect: ProtectOption = None,
    least_bake: BakeOption = None,
    environment: EnvironmentOption = None,
    deploy_prefix: PrefixOption = None,
    jobs: JobsOption = None,
    forks: ForksOption = None,
    token: TokenOption = False,
    user: UserOption = None,
    as_json: JsonOption = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Register a repository. Prints its webhook's address and, this once, its secret."""
    forge = forge or forge_of(clone_url)
    allowed = _allowed(protect, least_bake, environment, deploy_prefix, jobs, forks)
    request = _made(
        AddRepository,
        forge=forge,
        full_name=name,
        clone_url=clone_url,
        allowance=_made(Allowance, **allowed),
        credential=_credential(forge, user) if token else None,
    )
    connection = connect(stage, profile, home)
    if connection.is_embedded:
        check_folder(clone_url)
    answer = _ask(connection, request, home)
    _tell(connection, answer, f"Registered {name} of {forge}.", as_json=as_json)


@app.command("list")
def list_(
    *,
    as_json: JsonOption = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """List the registered repositories."""
    connection = connect(stage, profile, home)
    found = connection.registry.ask(ListRepositories()).repositories
    if as_json:
        print_json([_json(connection, one) for one in found])
    elif found:
        console().print(repository_table(found))
    else:
        console().print("No repository is registered yet: push one, or `penstock repo add`.")


@app.command()
def show(
    name: NameArgument,
    *,
    forge: WhichForgeOption = None,
    as_json: JsonOption = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Show a repository: its addresses, and what it may do."""
    connection = connect(stage, profile, home)
    answer = connection.registry.ask(_made(ShowRepository, full_name=name, forge=forge))
    _tell(connection, answer, "", as_json=as_json)


@app.command("set")
def set_(  # noqa: PLR0913  # each parameter is an option of the command
    name: NameArgument,
    *,
    forge: WhichForgeOption = None,
    clone_url: Annotated[str | None, typer.Option("--address", help="Its clone address.")] = None,
    protect: ProtectOption = None,
    least_bake: BakeOption = None,
    environment: EnvironmentOption = None,
    deploy_prefix: PrefixOption = None,
    jobs: JobsOption = None,
    forks: ForksOption = None,
    token: TokenOption = False,
    user: UserOption = None,
    no_token: Annotated[bool, typer.Option("--no-token", help="Forget its token.")] = False,
    as_json: JsonOption = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Change a repository. What is not named stays; a list replaces the one before."""
    if token and no_token:
        raise UsageError("--token and --no-token: give one of them")
    allowed = _allowed(protect, least_bake, environment, deploy_prefix, jobs, forks)
    if not (token or no_token or allowed or clone_url is not None):
        raise UsageError("say what to change; `penstock repo set --help` lists the options")
    connection = connect(stage, profile, home)
    which = _made(ShowRepository, full_name=name, forge=forge)
    (known,) = connection.registry.ask(which).repositories
    request = _made(
        SetRepository,
        full_name=name,
        forge=known.forge,
        clone_url=clone_url,
        **allowed,
        credential=_credential(known.forge, user) if token else None,
        forget_credential=no_token,
    )
    answer = _ask(connection, request, home)
    _tell(connection, answer, f"Changed {name}; it counts within half a minute.", as_json=as_json)


@app.command()
def answers(  # noqa: PLR0913  # each parameter is an option of the command
    name: NameArgument,
    whether: Annotated[Answering, typer.Argument(metavar="on|off", help="Whether it is told.")],
    *,
    forge: WhichForgeOption = None,
    api: Annotated[
        str | None,
        typer.Option(
            "--api", help="The address of the forge's API, if it does not follow from the address."
        ),
    ] = None,
    as_json: JsonOption = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Tell its forge what its changes come to: statuses, and a comment on pull requests.

    `on` reads a token that may write those from the standard input. `off` forgets it.
    """
    if whether is Answering.OFF and api:
        raise UsageError("--api goes with on")
    connection = connect(stage, profile, home)
    request = _made(
        SetAnswers,
        full_name=name,
        forge=forge,
        token=_token() if whether is Answering.ON else None,
        api_url=api,
        page_url=connection.page_url,
    )
    answer = _ask(connection, request, home)
    (repository,) = answer.repositories
    now = f"is told at {repository.api_url}" if repository.answers else "is told nothing"
    said = f"The forge of {name} {now}; it counts within half a minute."
    _tell(connection, answer, said, as_json=as_json)


@app.command("rotate-secret")
def rotate_secret(
    name: NameArgument,
    *,
    forge: WhichForgeOption = None,
    overlap: Annotated[
        str, typer.Option(help="How long the secret before stays valid; 0s ends it at once.")
    ] = "24h",
    as_json: JsonOption = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Make a new webhook secret, and print it this once. The one before stays valid for a while."""
    connection = connect(stage, profile, home)
    request = _made(RotateSecret, full_name=name, forge=forge, overlap=_seconds(overlap))
    answer = _ask(connection, request, home)
    until = f"is valid for another {overlap}" if request.overlap else "ends within half a minute"
    said = f"{name} has a new webhook secret; the one before {until}."
    _tell(connection, answer, said, as_json=as_json)


@app.command()
def remove(
    name: NameArgument,
    *,
    forge: WhichForgeOption = None,
    keep_secrets: Annotated[
        bool,
        typer.Option("--keep-secrets", help="Keep what `penstock secret set` stored for its jobs."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Forget a repository and its secrets. Its flows that run go on to their end."""
    connection = connect(stage, profile, home)
    which = _made(ShowRepository, full_name=name, forge=forge)
    (known,) = connection.registry.ask(which).repositories
    secrets = SecretsClient(connection.stage, connection.client)
    stored = [] if keep_secrets else secrets.of(known.forge, name)
    if not yes:
        typer.confirm(_question(known, stored), abort=True)
    for one in stored:
        place = SecretPlace(connection.stage, known.forge, name, one["environment"] or "")
        secrets.remove(place, one["name"])
    _ask(connection, _made(RemoveRepository, full_name=name, forge=known.forge), home)
    out = console()
    out.print(f"{name} of {known.forge} is forgotten. Its webhook ends within half a minute.")
    for flow in _running(connection, name):
        out.print(f"  flow {flow['flow_id']} goes on; penstock abort {flow['flow_id'][:8]} ends it")


def _question(repository: RegisteredRepository, stored: Sequence[SecretJson]) -> str:
    """What is about to be forgotten."""
    names = [
        f"{one['name']} ({one['environment']})" if one["environment"] else one["name"]
        for one in stored
    ]
    secrets = f" and the secrets of its jobs: {', '.join(names)}" if names else ""
    return f"Forget {repository.full_name} of {repository.forge}, its webhook, its token{secrets}?"


def _running(connection: Connection, name: str) -> list[FlowJson]:
    states = ("running", "baking")
    return [flow for state in states for flow in connection.api.flows(20, name, state)]


def _ask(connection: Connection, request: RegistryRequest, home: Path | None) -> RegistryAnswer:
    """Ask for a change. On the embedded stack, its file is written anew."""
    answer = connection.registry.ask(request)
    if connection.is_embedded:
        from penstock.embedded import find_home
        from penstock.embedded.registrations import refresh_repositories

        refresh_repositories(find_home(home))
    return answer


def _tell(connection: Connection, answer: RegistryAnswer, said: str, *, as_json: bool) -> None:
    (repository,) = answer.repositories
    secret = answer.webhook_secret
    if as_json:
        made = {"webhook_secret": secret} if secret else {}
        waiting = [one.model_dump(mode="json") for one in answer.pull_requests]
        print_json(_json(connection, repository) | made | {"waiting": waiting})
        return
    out = console()
    if said:
        out.print(said)
    out.print(_view(connection, repository, secret))
    if answer.pull_requests:
        out.print(waiting_table(answer.pull_requests))
        out.print("penstock run --pull-request NUMBER --at COMMIT starts the flow of one.")
    if secret and repository.clone_url.startswith("file:"):
        out.print("The repository's own hook uses both: nothing is to be entered anywhere.")
    elif secret:
        out.print("The secret is not shown again. Enter both at the forge: content type")
        out.print("application/json, the events for pushes, tags and pull requests.")


def _view(connection: Connection, repository: RegisteredRepository, secret: str) -> Table:
    return repository_view(repository, connection.webhook_url(repository.id), secret)


def _json(connection: Connection, repository: RegisteredRepository) -> dict[str, Any]:
    url = connection.webhook_url(repository.id)
    return {**repository.model_dump(mode="json"), "webhook_url": url}


def _refs(names: list[str] | None) -> tuple[str, ...] | None:
    """Patterns of refs; a plain name is a branch."""
    if not names:
        return None
    return tuple(name if name.startswith("refs/") else f"refs/heads/{name}" for name in names)


def _seconds(text: str | None) -> int | None:
    try:
        return None if text is None else duration(text)
    except PydanticCustomError as error:
        raise UsageError(error.message()) from error


def _credential(forge: Forge, user: str | None) -> ReadCredential:
    return _made(ReadCredential, user=user or _USERS.get(forge, "git"), token=_token())


def _token() -> str:
    """The token of the standard input, which a terminal does not show."""
    if sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True, err=True)).strip()
    return sys.stdin.read().strip()


def _allowed(
    protect: list[str] | None,
    least_bake: str | None,
    environment: list[str] | None,
    deploy_prefix: str | None,
    jobs: int | None,
    forks: Forks | None,
) -> dict[str, Any]:
    """What the options say that a repository may do; what is not given is missing."""
    said = {
        "protected": _refs(protect),
        "least_bake": _seconds(least_bake),
        "environments": environment and tuple(environment),
        "deploy_prefix": deploy_prefix,
        "jobs_at_once": jobs,
        "forks": forks,
    }
    return {name: value for name, value in said.items() if value is not None}


def _made(kind: type[C], **values: Any) -> C:
    """A part of a request. Raises UsageError, which never quotes a secret."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = str(first["loc"][0])
        raise UsageError(f"{field.replace('_', ' ')} {_WORDS.get(field, first['msg'])}") from None
