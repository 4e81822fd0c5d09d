"""`penstock down`: stop the embedded stack."""

from typing import Annotated

import typer

from penstock import embedded
from penstock.commands.options import HomeOption
from penstock.terminal import Terminal


def down(
    home: HomeOption = None,
    clean: Annotated[bool, typer.Option("--clean", help="Forget its state too.")] = False,
) -> None:
    """Stop the embedded stack; its state stays for the next `up`."""
    embedded.down(home, embedded.ConsoleReport(Terminal()), forget=clean)
