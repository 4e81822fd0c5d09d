"""What commands print."""

import json
from typing import Any

import typer
from rich.console import Console


def console() -> Console:
    """The standard output, for people."""
    return Console(highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """JSON on the standard output, for programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
