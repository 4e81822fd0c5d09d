"""The `penstock` command: each subcommand is one module in `penstock.commands`."""

import sys

import typer
from rich.console import Console
from rich.markup import escape

from penstock.commands.down import down
from penstock.commands.package import package
from penstock.commands.up import up
from penstock.errors import PenstockError

app = typer.Typer(
    name="penstock",
    help="Serverless CI/CD: a push goes in, a promoted release comes out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.command()(up)
app.command()(down)
app.command()(package)


@app.callback()
def root() -> None:
    """Keep the subcommands named, however few they are."""


def main() -> None:
    """Run the command; what went wrong is told in words, with exit code 1."""
    try:
        app()
    except PenstockError as error:
        Console(stderr=True).print(f"[bold red]penstock:[/] {escape(str(error))}", highlight=False)
        sys.exit(1)
