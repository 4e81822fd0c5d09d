"""The `penstock` command: each subcommand is one module in `penstock.commands`."""

import typer

app = typer.Typer(
    name="penstock",
    help="Serverless CI/CD: a push goes in, a promoted release comes out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """Keep the subcommands named, however few they are."""


def main() -> None:
    app()
