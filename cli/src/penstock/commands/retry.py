"""`penstock retry`: run a flow again."""

from typing import Annotated

import typer

from penstock.commands.options import FlowArgument, HomeOption, ProfileOption, StageOption
from penstock.commands.starting import announce, follow_to_the_end
from penstock.connection import Connection, connect
from penstock.errors import NotFoundError, RefusedError
from penstock.flows import FINAL, FlowJson
from penstock.messages import person, retry_message
from penstock_shared.identifiers import retry_id_for


def retry(
    flow: FlowArgument,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until it has ended; exit 1 if it failed.")
    ] = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Run a flow again that did not succeed: publishes to run-flow. What passed is not repeated."""
    connection = connect(stage, profile, home)
    newest = _newest_attempt(connection, connection.api.find(flow))
    flow_id, attempt = newest["flow_id"], newest["attempt"] + 1
    _check(newest)
    again = retry_id_for(flow_id, attempt)
    connection.publish("run-flow", retry_message(flow_id, attempt, by=person()))
    announce(connection, again, f"Flow {again} runs flow {flow_id} again, as attempt {attempt}.")
    if follow:
        follow_to_the_end(connection, again)


def _newest_attempt(connection: Connection, flow: FlowJson) -> FlowJson:
    """The newest attempt of the flow; the flow itself if it was not run again."""
    while True:
        try:
            flow = connection.api.flow(retry_id_for(flow["flow_id"], flow["attempt"] + 1))
        except NotFoundError:
            return flow


def _check(flow: FlowJson) -> None:
    flow_id, state = flow["flow_id"], flow["state"]
    if state not in FINAL:
        raise RefusedError(
            f"flow {flow_id} has not ended, it is {state}: see `penstock show {flow_id[:8]}`"
        )
    if state == "succeeded":
        raise RefusedError(
            f"flow {flow_id} has succeeded: nothing is left to run again. "
            "`penstock run` starts a new flow of a branch"
        )
