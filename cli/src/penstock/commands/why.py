"""`penstock why`: why a gate ran in a flow, or why it did not."""

from typing import Annotated

import typer

from penstock.api import Api
from penstock.commands.options import FlowArgument, HomeOption, ProfileOption, StageOption
from penstock.commands.output import say
from penstock.connection import connect
from penstock.errors import NotFoundError
from penstock.flows import FlowJson, ProvenJson, jobs_of, name_of, phase_of
from penstock_shared.contracts.preview import GateQuestion

_CANDIDATES = 20
"""Flows among which the one to compare with is looked for."""


def why(
    flow: FlowArgument,
    gate: Annotated[
        str, typer.Argument(help="The gate as `show` names it: unit, or 'unit (orders)'.")
    ],
    *,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Say why a gate ran: which of its inputs differs from the last flow that succeeded before.

    Of a gate that did not run, say which flow proved it.
    """
    connection = connect(stage, profile, home)
    found = connection.api.find(flow)
    if proof := _proof_of(found, gate):
        who = f"flow {proof['flow_id']}, commit {proof['sha'][:12]}"
        say(f"{gate} was not run: nothing that it sees has changed since {who}, which proved it")
        return
    label = _label_of(found, gate)
    since = _before(connection.api, found)
    if since is None:
        say(f"{label} ran: no flow of {found['repository']} had succeeded before")
        return
    question = GateQuestion(flow_id=found["flow_id"], since=since, gate=label)
    differs = connection.previews.explain(question).differs
    if not differs:
        say(f"{label}: everything is as in flow {since}, which did not leave a verdict to use")
        return
    say(f"{label} ran, since this is not as in flow {since}:")
    for each in differs:
        say(f"  {each}")


def _proof_of(flow: FlowJson, gate: str) -> ProvenJson | None:
    proven = phase_of(flow, "test").get("proven", [])
    return next((one for one in proven if gate in one["gates"] and one["flow_id"]), None)


def _label_of(flow: FlowJson, gate: str) -> str:
    """The gate's whole name. Raises NotFoundError for none, and for a name of several."""
    known = dict.fromkeys(name_of(job) for job in phase_of(flow, "test")["jobs"])
    if gate in known:
        return gate
    same = {name_of(job): None for job in jobs_of(flow) if job["name"] == gate}
    if len(same) != 1:
        named = f"; there are {', '.join(same or known)}" if known else ""
        raise NotFoundError(f"flow {flow['flow_id']} ran no gate {gate}{named}")
    return next(iter(same))


def _before(api: Api, flow: FlowJson) -> str | None:
    """The last flow that succeeded before this one, rather one of the same ref."""
    found = [
        one
        for one in api.flows(_CANDIDATES, flow["repository"], "succeeded")
        if one["flow_id"] != flow["flow_id"] and one["started_at"] <= flow["started_at"]
    ]
    same = [one for one in found if one["ref"] == flow["ref"]]
    return next((one["flow_id"] for one in [*same, *found]), None)
