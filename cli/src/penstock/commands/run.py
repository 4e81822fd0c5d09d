"""`penstock run`: start a flow without a push."""

import uuid
from typing import Annotated

import typer

from penstock.commands.options import HomeOption, ProfileOption, StageOption
from penstock.commands.starting import announce, follow_to_the_end
from penstock.connection import connect
from penstock.messages import person, run_message
from penstock.remote import branch_of, embedded_remote, origin_of_here
from penstock_shared.identifiers import run_id_for


def run(
    ref: Annotated[str, typer.Argument(metavar="[REF]", help="The branch.")] = "main",
    *,
    repository: Annotated[
        str | None,
        typer.Option(
            help="A repository of the embedded stack by its name, instead of the one that the "
            "current folder pushes to."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until it has ended; exit 1 if it failed.")
    ] = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Start a flow of the commit that a branch is at: publishes to run-flow.

    With --stage or --profile the repository is that of `origin` where the command runs.
    """
    connection = connect(stage, profile, home)
    remote = origin_of_here() if stage or profile else embedded_remote(home, repository)
    full_ref = branch_of(ref)
    sha, request = remote.commit_of(full_ref), uuid.uuid4().hex
    forge = remote.forge
    flow_id = run_id_for(forge, remote.name, full_ref, sha, request)
    message = run_message(
        flow_id,
        forge=forge,
        repository=remote.name,
        ref=full_ref,
        sha=sha,
        request=request,
        by=person(),
    )
    connection.publish("run-flow", message)
    announce(connection, flow_id, f"Flow {flow_id} runs {ref} of {remote.name} at {sha[:12]}.")
    if follow:
        follow_to_the_end(connection, flow_id)
