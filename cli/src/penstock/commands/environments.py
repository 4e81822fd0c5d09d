"""`penstock env`: what environments may deploy."""

from typing import Annotated

import typer

from penstock.adoption import adoption_of, owning_repository
from penstock.commands.options import HomeOption, ProfileOption, RepositorysForgeOption, StageOption
from penstock.commands.output import console
from penstock.connection import connect
from penstock.errors import RefusedError
from penstock_shared.ownership import Ownership

environments = typer.Typer(no_args_is_help=True, help="What environments may deploy.")


@environments.callback()
def root() -> None:
    """Hold the commands about environments."""


@environments.command()
def adopt(  # noqa: PLR0913  # each parameter is an option of the command
    environment: Annotated[str, typer.Argument(help="The environment in penstock.yml.")],
    component: Annotated[str, typer.Argument(help="The component that shall own it.")],
    function: Annotated[str, typer.Argument(help="The full name of the Lambda function.")],
    *,
    repository: Annotated[str, typer.Option(help="The component's repository: owner/name.")],
    forge: RepositorysForgeOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Let a component deploy a function that exists already: sets its tags, with your rights."""
    connection = connect(stage, profile, home)
    whose = owning_repository(connection, repository, forge)
    owner = Ownership(connection.stage, whose, component, environment)
    adoption = adoption_of(connection, function, owner)
    for line in adoption.lines():
        console().print(line)
    if not yes and not typer.confirm("Take it over?"):
        raise RefusedError("nothing was changed")
    adoption.carry_out(connection)
    console().print(f"{function} belongs to {component} now.")
