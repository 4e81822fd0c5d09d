"""How commands print."""

import io
import json
import os
import sys
from typing import Any

import typer
from rich.console import Console

WIDE = 140


def console(*, stderr: bool = False) -> Console:
    """A stream for people; WIDE columns where it is no terminal and COLUMNS is not set."""
    out = Console(highlight=False, soft_wrap=True, stderr=stderr)
    if not out.is_terminal and "COLUMNS" not in os.environ:
        out.width = WIDE
    return out


def survive_any_encoding() -> None:
    """Write a question mark for characters that a stream's encoding, such as latin-1, lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def print_json(value: Any) -> None:
    """Print JSON on the standard output, for programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
