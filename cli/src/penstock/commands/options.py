"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from penstock_shared.contracts.change import Forge

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", envvar="PENSTOCK_HOME", help="Where the stack keeps its state."),
]
StageOption = Annotated[
    str | None,
    typer.Option("--stage", help="A stage on AWS, instead of the embedded stack."),
]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", help="The AWS profile to use; the stage is dev unless given."),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print JSON on the standard output, and nothing else."),
]
FlowArgument = Annotated[
    str,
    typer.Argument(
        metavar="FLOW", help="A flow's id, the first 4 or more digits of it, or latest."
    ),
]
RepositorysForgeOption = Annotated[
    Forge | None,
    typer.Option(
        "--forge", help="Where it is hosted, if two have its name or it is not registered."
    ),
]
