"""How commands print."""

import io
import json
import os
import sys
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from penstock.terminal import Terminal
from penstock_shared.printable import escaped_json, escaped_lines

WIDE = 140


def console(*, stderr: bool = False) -> Console:
    """A stream for people; WIDE columns where it is no terminal and COLUMNS is not set."""
    out = Terminal(soft_wrap=True, stderr=stderr)
    if not out.is_terminal and "COLUMNS" not in os.environ:
        out.width = WIDE
    return out


def say(text: str, style: str = "", *, stderr: bool = False) -> None:
    """Print text for people in one style, such as `dim`."""
    console(stderr=stderr).print(Text(text, style))


def survive_any_encoding() -> None:
    """Write a question mark for characters that a stream's encoding, such as latin-1, lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def print_document(text: str) -> None:
    """Print the text of a file on the standard output, as it is to be stored.

    What would act on a terminal is visible as an escape.
    """
    typer.echo(escaped_lines(text), nl=False)


def print_json(value: Any) -> None:
    """Print JSON on the standard output, for programs."""
    typer.echo(escaped_json(json.dumps(value, indent=2, ensure_ascii=False)))
