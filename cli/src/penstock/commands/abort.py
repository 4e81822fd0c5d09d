"""`penstock abort`: stop a flow."""

from typing import Annotated

import typer

from penstock.commands.options import FlowArgument, HomeOption, ProfileOption, StageOption
from penstock.commands.output import console
from penstock.connection import connect
from penstock.errors import RefusedError
from penstock.flows import FINAL
from penstock.messages import command_message, person


def abort(
    flow: FlowArgument,
    reason: Annotated[str, typer.Option(help="Why, for those who read about it later.")] = "",
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Stop a flow, and put what it changed back: publishes to abort-release."""
    connection = connect(stage, profile, home)
    found = connection.api.find(flow)
    if found["state"] in FINAL:
        raise RefusedError(f"flow {found['flow_id']} has already ended: {found['state']}")
    message = command_message(found["flow_id"], reason=reason, by=person())
    connection.publish("abort-release", message)
    console().print(f"Asked {connection.name} to abort flow {found['flow_id']}.")
    console().print(f"Its page: {connection.flow_url(found['flow_id'])}")
    console().print(f"See what becomes of it: penstock show {found['flow_id'][:8]} --follow")
