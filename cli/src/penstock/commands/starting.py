"""Shared by the commands that start a flow."""

import typer

from penstock.commands.output import console
from penstock.connection import Connection
from penstock.errors import ExitCode
from penstock.following import Follower
from penstock.terminal import Terminal

PATIENCE = 60.0
"""Seconds to wait until the API knows a requested flow."""


def announce(connection: Connection, flow_id: str, sentence: str) -> None:
    """Print what was requested, and the address of the flow's page."""
    out = console()
    out.print(sentence)
    out.print(f"{connection.page_url}flows/{flow_id}")


def follow_to_the_end(connection: Connection, flow_id: str) -> None:
    """Show a flow until it has ended. Raises typer.Exit(1) unless it succeeded, PatienceError."""
    waiting = Follower(connection.api, Terminal(quiet=True), PATIENCE)
    waiting.follow(flow_id, reached=lambda _flow: True)
    found = Follower(connection.api, console()).follow(flow_id)
    if found["state"] != "succeeded":
        raise typer.Exit(ExitCode.FAILURE)
