"""`penstock plan`: what a push of a branch's commit would do."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from penstock.api import Api
from penstock.commands.options import HomeOption, JsonOption, ProfileOption, StageOption
from penstock.commands.output import console, print_json, say
from penstock.connection import connect
from penstock.errors import NotFoundError
from penstock.remote import Remote, embedded_remote, origin_of_here, whole_ref
from penstock_shared.contracts.preview import PreviewAnswer, PreviewedComponent, PreviewRequest

_CANDIDATES = 20
"""Flows among which the one to compare with is looked for."""
_YES, _NO = Text("●", "green"), Text("–", "dim")


def plan(  # each parameter is an option of the command
    ref: Annotated[str, typer.Argument(metavar="[REF]", help="The branch, as pushed.")] = "main",
    *,
    why: Annotated[
        str | None,
        typer.Option(metavar="COMPONENT", help="Which inputs of this component differ."),
    ] = None,
    repository: Annotated[
        str | None,
        typer.Option(
            help="A repository of the embedded stack by its name, instead of the one that the "
            "current folder pushes to."
        ),
    ] = None,
    as_json: JsonOption = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Show what a flow of a branch's commit would build, test and deploy, and why.

    It is planned by the stack, as a push is, and compared with the newest flow that succeeded.
    """
    connection = connect(stage, profile, home)
    remote = origin_of_here() if stage or profile else embedded_remote(home, repository)
    full_ref = whole_ref(ref)
    sha, since = remote.commit_of(full_ref), _proven_by(connection.api, remote, full_ref)
    request = PreviewRequest(
        forge=remote.forge, full_name=remote.name, ref=full_ref, sha=sha, since=since
    )
    answer = connection.previews.ask(request)
    compared = f"compared with flow {since}" if since else "nothing has succeeded yet"
    if as_json:
        print_json({"sha": sha, "since": since, **answer.model_dump(mode="json")})
    elif why:
        _explain(_component_in(answer, why), since)
    else:
        say(f"{ref} of {remote.name} at {sha[:12]}: {_what_for(answer)}; {compared}")
        console().print(_table(answer))


def _proven_by(api: Api, remote: Remote, ref: str) -> str | None:
    """The newest flow of the repository that succeeded, rather one of the same ref."""
    found = list(api.flows(_CANDIDATES, remote.name, "succeeded"))
    same = [flow["flow_id"] for flow in found if flow["ref"] == ref]
    return next(iter([*same, *(flow["flow_id"] for flow in found)]), None)


def _what_for(answer: PreviewAnswer) -> str:
    if not answer.environments:
        return f"a {answer.intent}"
    return f"a {answer.intent} to {' and then '.join(answer.environments)}"


def _table(answer: PreviewAnswer) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("component", "build", "gates", "deploy", "because"):
        table.add_column(name)
    for component in answer.components:
        gates = [gate for gate in answer.gates if gate.component == component.name]
        table.add_row(
            Text(component.name),
            _YES if component.builds else _NO,
            _counted(sum(gate.runs for gate in gates), len(gates)),
            _YES if component.deploys else _NO,
            Text(_reason(component)),
        )
    for gate in answer.gates:
        if gate.component is None:
            runs = _counted(int(gate.runs), 1)
            table.add_row(Text(gate.label, "italic"), "", runs, "", Text("the repository's gate"))
    return table


def _counted(running: int, known: int) -> Text:
    return Text(f"{running} of {known}", "green" if running else "dim") if known else _NO


def _reason(component: PreviewedComponent) -> str:
    if not component.differs:
        return component.reason
    first, *others = component.differs
    return f"{first} differs" + (f", and {len(others)} more" if others else "")


def _component_in(answer: PreviewAnswer, name: str) -> PreviewedComponent:
    known = {component.name: component for component in answer.components}
    if name not in known:
        raise NotFoundError(f"there is no component {name}; there are {', '.join(known)}")
    return known[name]


def _explain(component: PreviewedComponent, since: str | None) -> None:
    if since is None:
        nothing = "nothing to compare with, since no flow has succeeded yet"
        say(f"{component.name}: {nothing}; {component.reason}")
    elif not component.differs:
        say(f"{component.name}: every input is as in flow {since}; {component.reason}")
    else:
        say(f"{component.name}: not as in flow {since}:")
        for difference in component.differs:
            say(f"  {difference}")
