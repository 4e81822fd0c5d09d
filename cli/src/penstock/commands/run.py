"""`penstock run`: start a flow without a push."""

import uuid
from pathlib import Path
from typing import Annotated

import typer

from penstock.commands.options import HomeOption, ProfileOption, StageOption
from penstock.commands.starting import announce, follow_to_the_end
from penstock.connection import Connection, connect
from penstock.errors import RefusedError, UsageError
from penstock.messages import person, run_message
from penstock.remote import Remote, commit_named, embedded_remote, origin_of_here, whole_ref
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.registry import KnownPullRequest, ShowPullRequest
from penstock_shared.identifiers import run_id_for


def run(  # noqa: PLR0913  # each parameter is an option of the command
    ref: Annotated[
        str, typer.Argument(metavar="[REF]", help="The branch, or a tag as refs/tags/NAME.")
    ] = "main",
    *,
    pull_request: Annotated[
        int | None,
        typer.Option("--pull-request", min=1, help="A pull request's newest commit instead."),
    ] = None,
    at: Annotated[
        str,
        typer.Option(
            help="The commit of the pull request that you have looked at: it is run if it is the "
            "newest still."
        ),
    ] = "",
    repository: Annotated[
        str | None,
        typer.Option(
            help="A repository of the embedded stack by its name, instead of the one that the "
            "current folder pushes to. With --pull-request of any stack."
        ),
    ] = None,
    commit: Annotated[
        str | None,
        typer.Option(
            metavar="COMMIT",
            help="An older commit of the branch, instead of the one that it is at.",
        ),
    ] = None,
    no_cache: Annotated[
        bool,
        typer.Option("--no-cache", help="Build and test all of it, whatever is known already."),
    ] = False,
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
    on_aws = bool(stage or profile)
    if pull_request:
        name = repository or _name_of(home, on_aws=on_aws)
        flow_id = _run_pull_request(connection, name, pull_request, at, fresh=no_cache)
    else:
        remote = origin_of_here() if on_aws else embedded_remote(home, repository)
        flow_id = _run_ref(connection, remote, ref, commit, fresh=no_cache)
    if follow:
        follow_to_the_end(connection, flow_id)


def _name_of(home: Path | None, *, on_aws: bool) -> str:
    return (origin_of_here() if on_aws else embedded_remote(home, None)).name


def _run_ref(
    connection: Connection, remote: Remote, ref: str, commit: str | None, *, fresh: bool
) -> str:
    """Ask for the flow of a branch or a tag, or of an older commit of it; returns its id."""
    full_ref = whole_ref(ref)
    sha = commit_named(commit) if commit else remote.commit_of(full_ref)
    wishes = {"although_behind": commit is not None, "fresh": fresh}
    flow_id = _publish(connection, remote.forge, remote.name, full_ref, sha, **wishes)
    announce(connection, flow_id, f"Flow {flow_id} runs {ref} of {remote.name} at {sha[:12]}.")
    return flow_id


def _run_pull_request(
    connection: Connection, name: str, number: int, at: str, *, fresh: bool
) -> str:
    """Ask for the flow of a pull request. Raises UsageError, RefusedError."""
    answer = connection.registry.ask(ShowPullRequest(full_name=name, number=number))
    (repository,), (known,) = answer.repositories, answer.pull_requests
    _refuse_another_commit(known, at)
    forge, sha = repository.forge, known.sha
    flow_id = _publish(connection, forge, name, known.ref, sha, pull_request=number, fresh=fresh)
    whose = f" from {known.fork}" if known.fork else ""
    said = f"Flow {flow_id} runs pull request {number} of {name}{whose} at {sha[:12]}."
    announce(connection, flow_id, said)
    return flow_id


def _refuse_another_commit(known: KnownPullRequest, at: str) -> None:
    """What a stranger wrote is run if somebody has looked at it, and not at an earlier commit."""
    if known.is_closed:
        raise RefusedError(f"pull request {known.number} is closed")
    if known.fork and not at:
        raise UsageError(
            f"pull request {known.number} is from {known.fork}. Look at what it changes, and say "
            f"which commit you have looked at: --at {known.sha[:12]} is the newest"
        )
    if at and (len(at) < _LEAST_DIGITS or not known.sha.startswith(at)):
        raise RefusedError(f"pull request {known.number} is at {known.sha[:12]}, and not at {at}")


_LEAST_DIGITS = 7
"""Of a commit. Git itself writes no fewer."""


def _publish(
    connection: Connection, forge: Forge, name: str, ref: str, sha: str, **more: int
) -> str:
    """Publish the command; returns the id of its flow."""
    request = uuid.uuid4().hex
    flow_id = run_id_for(forge, name, ref, sha, request)
    message = run_message(
        flow_id,
        forge=forge,
        repository=name,
        ref=ref,
        sha=sha,
        request=request,
        by=person(),
        **more,
    )
    connection.publish("run-flow", message)
    return flow_id
