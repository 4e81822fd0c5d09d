"""`penstock flows`: list flows."""

import time
from collections.abc import Sequence
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.live import Live

from penstock.api import PAGE, Api
from penstock.commands.options import HomeOption, JsonOption, ProfileOption, StageOption
from penstock.commands.output import console, print_json
from penstock.connection import connect
from penstock.errors import UsageError
from penstock.flows import FlowJson
from penstock.rendering import flow_table
from penstock.words import now

EVERY = 1.0
"""Seconds between two polls."""


class StateName(StrEnum):
    """The states of a flow."""

    RUNNING = "running"
    BAKING = "baking"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    SUPERSEDED = "superseded"


def flows(  # noqa: PLR0913  # each parameter is an option of the command
    *,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 20,
    repository: Annotated[str | None, typer.Option(help="Only this repository's.")] = None,
    state: Annotated[StateName | None, typer.Option(help="Only those in this state.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Keep the list current.")] = False,
    as_json: JsonOption = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """List flows, newest first."""
    if watch and as_json:
        raise UsageError("--watch is for people and --json for programs: give one of them")
    api = connect(stage, profile, home).api
    if as_json:
        print_json(api.whole_flows(limit, repository, state))
    elif watch:
        _watch(api, limit, repository, state)
    else:
        found = list(api.flows(limit, repository, state))
        console().print(_view(found) if found else _nothing(api, repository, state))


def _view(found: Sequence[FlowJson]) -> RenderableType:
    return flow_table(found, now()) if found else "Nothing to show."


def _nothing(api: Api, repository: str | None, state: str | None) -> str:
    """Why the list is empty."""
    known = sorted({flow["repository"] for flow in api.flows(PAGE)})
    if not known:
        return "Nothing to show. Push something."
    if repository is None or repository in known:
        return f"Nothing to show: no flow is {state}." if state else "Nothing to show."
    near = get_close_matches(repository, known, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known[:5])}."
    return f"Nothing is known of a repository {repository}{hint}"


def _watch(api: Api, limit: int, repository: str | None, state: str | None) -> None:
    with Live(console=console(), auto_refresh=False, screen=False) as live:
        while True:
            live.update(_view(list(api.flows(limit, repository, state))), refresh=True)
            time.sleep(EVERY)
