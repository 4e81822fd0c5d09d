"""`penstock run`: start a flow without a push."""

import uuid
from typing import Annotated

import typer

from penstock.commands.options import HomeOption, ProfileOption, StageOption
from penstock.commands.starting import announce, follow_to_the_end
from penstock.connection import connect
from penstock.messages import person, run_message
from penstock.remote import Remote, branch_of, commit_named, embedded_remote, origin_of_here
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
    commit: Annotated[
        str | None,
        typer.Option(
            metavar="COMMIT",
            help="An older commit of the branch, instead of the one that it is at.",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until it has ended; exit 1 if it failed.")
    ] = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Start a flow of the commit that a branch is at, or was at: publishes to run-flow.

    With --stage or --profile the repository is that of `origin` where the command runs.
    """
    connection = connect(stage, profile, home)
    remote = origin_of_here() if stage or profile else embedded_remote(home, repository)
    full_ref = branch_of(ref)
    sha = commit_named(commit) if commit else remote.commit_of(full_ref)
    flow_id, message = _request(remote, full_ref, sha, although_behind=commit is not None)
    connection.publish("run-flow", message)
    announce(connection, flow_id, f"Flow {flow_id} runs {ref} of {remote.name} at {sha[:12]}.")
    if follow:
        follow_to_the_end(connection, flow_id)


def _request(remote: Remote, ref: str, sha: str, *, although_behind: bool) -> tuple[str, str]:
    """The new flow's id, and the message that starts it."""
    forge, name, request = remote.forge, remote.name, uuid.uuid4().hex
    asked = {"forge": forge, "repository": name, "ref": ref, "sha": sha, "request": request}
    flow_id = run_id_for(forge, name, ref, sha, request)
    return flow_id, run_message(flow_id, **asked, by=person(), although_behind=although_behind)
