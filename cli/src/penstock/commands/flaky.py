"""`penstock flaky`: gates that fail and pass on the same inputs."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from penstock.commands.options import HomeOption, JsonOption, ProfileOption, StageOption
from penstock.commands.output import console, print_json, say
from penstock.connection import connect
from penstock.flakiness import flakiness_of


def flaky(
    *,
    repository: Annotated[
        str | None, typer.Option(help="Only flows of this repository, owner/name.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="The newest flows to look at.")] = 50,
    as_json: JsonOption = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """List the gates that were flaky in the newest flows, the most flaky first.

    A gate is flaky where it passed after a failure on the same inputs, in a retry or in a flow.
    """
    api = connect(stage, profile, home).api
    flows = api.whole_flows(limit, repository)
    found = flakiness_of(flows)
    if as_json:
        print_json(
            [
                {"gate": one.gate, "ran": one.ran, "flaky": one.flaky, "rate": one.rate}
                for one in found
            ]
        )
        return
    if not found:
        say(f"no gate was flaky in the newest {len(flows)} flows")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("GATE", "FLAKY", "OF", "RATE", "LAST"):
        table.add_column(name, overflow="fold")
    for one in found:
        counts = f"{len(one.flaky)}", f"{len(one.ran)}", f"{one.rate:.0f} %"
        table.add_row(Text(one.gate), *counts, one.flaky[0][:8])
    console().print(table)
