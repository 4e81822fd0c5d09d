"""What commands print."""

import json
import os
from typing import Any

import typer
from rich.console import Console

WIDE = 140


def console() -> Console:
    """The standard output, for people; wide where it is no terminal and nobody says how wide."""
    out = Console(highlight=False, soft_wrap=True)
    if not out.is_terminal and "COLUMNS" not in os.environ:
        out.width = WIDE
    return out


def print_json(value: Any) -> None:
    """JSON on the standard output, for programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
