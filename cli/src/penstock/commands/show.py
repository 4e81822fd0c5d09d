"""`penstock show`: one flow."""

from typing import Annotated

import typer

from penstock.commands.options import (
    FlowArgument,
    HomeOption,
    JsonOption,
    ProfileOption,
    StageOption,
)
from penstock.commands.output import console, print_json, say
from penstock.connection import connect
from penstock.errors import ExitCode
from penstock.following import Follower, settled
from penstock.rendering import flow_view
from penstock.terminal import Terminal
from penstock.words import now


def show(
    flow: FlowArgument,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until it has ended; exit 1 if it failed.")
    ] = False,
    as_json: JsonOption = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Show one flow: its phases, jobs, times and reasons, and what broke."""
    connection = connect(stage, profile, home)
    api = connection.api
    found = api.find(flow)
    if not as_json:
        say(connection.flow_url(found["flow_id"]), "dim")
    if follow and not settled(found):
        # With --json only the final state is printed: progress is for people.
        out = Terminal(quiet=True) if as_json else console()
        found = Follower(api, out).follow(found["flow_id"], settled)
        # Lines that were followed show everything except what failed.
        shown = out.is_terminal or found["state"] == "succeeded"
    else:
        shown = False
    if as_json:
        print_json(found)
    elif not shown:
        console().print(flow_view(found, now()))
    if follow and found["state"] != "succeeded":
        raise typer.Exit(ExitCode.FAILURE)
