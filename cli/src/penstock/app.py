"""The `penstock` command: each subcommand is one module in `penstock.commands`."""

import os
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from penstock.commands.abort import abort
from penstock.commands.artifacts import artifacts
from penstock.commands.demo import demo
from penstock.commands.doctor import doctor
from penstock.commands.down import down
from penstock.commands.environments import environments
from penstock.commands.flaky import flaky
from penstock.commands.flows import flows
from penstock.commands.init import init
from penstock.commands.logs import logs
from penstock.commands.output import survive_any_encoding
from penstock.commands.package import package
from penstock.commands.plan import plan
from penstock.commands.promote import promote
from penstock.commands.repo import app as repo
from penstock.commands.retry import retry
from penstock.commands.run import run
from penstock.commands.schema import schema
from penstock.commands.secret import secret
from penstock.commands.show import show
from penstock.commands.up import up
from penstock.commands.validate import validate
from penstock.commands.verify import verify
from penstock.commands.why import why
from penstock.errors import CommandError, ExitCode
from penstock.terminal import Terminal


class _Penstock(TyperGroup):
    """The group of all commands: turns a PenstockError into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            _say(str(error))
            raise typer.Exit(error.exit_code) from error


app = typer.Typer(
    name="penstock",
    cls=_Penstock,
    help="Serverless CI/CD: a push goes in, a promoted release comes out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

STACK, REPOSITORIES = "The embedded stack", "Repositories"
FLOWS, PROJECT = "Flows", "Projects"

app.command(rich_help_panel=STACK)(up)
app.command(rich_help_panel=STACK)(down)
app.command(rich_help_panel=STACK)(demo)
app.command(rich_help_panel=STACK)(doctor)
app.add_typer(repo, rich_help_panel=REPOSITORIES)
app.command(rich_help_panel=FLOWS)(flows)
app.command(rich_help_panel=FLOWS)(show)
app.command(rich_help_panel=FLOWS)(logs)
app.command(rich_help_panel=FLOWS)(artifacts)
app.command(rich_help_panel=FLOWS)(flaky)
app.command(rich_help_panel=FLOWS)(plan)
app.command(rich_help_panel=FLOWS)(why)
app.command(rich_help_panel=FLOWS)(run)
app.command(rich_help_panel=FLOWS)(retry)
app.command(rich_help_panel=FLOWS)(abort)
app.command(rich_help_panel=FLOWS)(promote)
app.command(rich_help_panel=FLOWS)(verify)
app.command(rich_help_panel=PROJECT)(init)
app.command(rich_help_panel=PROJECT)(validate)
app.command(rich_help_panel=PROJECT)(schema)
app.command(rich_help_panel=PROJECT)(package)
app.add_typer(environments, name="env", rich_help_panel=PROJECT)
app.add_typer(secret, rich_help_panel=PROJECT)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"penstock {version('penstock')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=lambda wanted: _print_version(wanted=wanted),
            is_eager=True,
            help="Print the version and end.",
        ),
    ] = False,
) -> None:
    """Hold the options that stand before any subcommand."""


def main() -> None:
    """Run the command. Errors are printed in one line; PENSTOCK_DEBUG=1 shows the traceback."""
    survive_any_encoding()
    try:
        app()
    except BrokenPipeError:
        # The reader of the output, such as `head`, has gone: write nothing more, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
    except Exception as error:
        if os.environ.get("PENSTOCK_DEBUG"):
            raise
        _say(f"{type(error).__name__}: {error} (this is a fault; PENSTOCK_DEBUG=1 shows where)")
        sys.exit(ExitCode.FAILURE)


def _say(text: str) -> None:
    console = Terminal(stderr=True, soft_wrap=True)
    console.print(Text.assemble(("penstock:", "bold red"), f" {text}"))
