"""`penstock promote`: end a bake early."""

from penstock.commands.options import FlowArgument, HomeOption, ProfileOption, StageOption
from penstock.commands.output import console
from penstock.connection import connect
from penstock.errors import RefusedError
from penstock.messages import command_message, person


def promote(
    flow: FlowArgument,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Send a release that bakes to production now: publishes to promote-release."""
    connection = connect(stage, profile, home)
    found = connection.api.find(flow)
    if found["state"] != "baking":
        raise RefusedError(
            f"flow {found['flow_id']} is {found['state']}; only a release that bakes is promoted"
        )
    connection.publish("promote-release", command_message(found["flow_id"], by=person()))
    console().print(f"Asked {connection.name} to promote flow {found['flow_id']}.")
    console().print(f"Its page: {connection.flow_url(found['flow_id'])}")
    console().print(f"See what becomes of it: penstock show {found['flow_id'][:8]} --follow")
