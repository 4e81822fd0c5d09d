"""`penstock init`: write a penstock.yml of what the repository holds."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from penstock.commands.output import console, print_document, say
from penstock.errors import NotFoundError, RefusedError
from penstock_shared.configuration import FILE_NAME
from penstock_shared.discovery import MARKERS, Files, discovered_configuration


def init(
    folder: Annotated[Path, typer.Argument(help="The repository's root.")] = Path(),
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print it and write nothing.")] = False,
) -> None:
    """Write a penstock.yml of the components, shared folders and tools that a repository has.

    It is what Penstock reads a repository into that has no such file.
    """
    file = folder / FILE_NAME
    if file.exists() and not force and not stdout:
        raise RefusedError(f"{file} exists already; --force replaces it, --stdout prints another")
    text = discovered_configuration(Files(_paths_in(folder), _reader(folder)))
    if text is None:
        raise NotFoundError(
            f"nothing in {folder.resolve()} is recognised: there is no {', '.join(MARKERS[:-1])} "
            f"or {MARKERS[-1]} with code beside it. docs/penstock-yml.md says how to write the file"
        )
    if stdout:
        print_document(text)
        return
    file.write_text(text, encoding="utf-8")
    console().print(Text.assemble(("✓", "green"), f" wrote {file}"))
    say(text, "dim")


def _paths_in(folder: Path) -> list[str]:
    """The files that git has or would take; without git, all of them."""
    command = ["git", "-C", str(folder), "ls-files", "-z", "-co", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return [
            Path(root, name).relative_to(folder).as_posix()
            for root, _, names in os.walk(folder)
            for name in names
        ]
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]


def _reader(folder: Path) -> Callable[[str], bytes]:
    def read(path: str) -> bytes:
        found = folder / path
        return found.read_bytes() if found.is_file() and not found.is_symlink() else b""

    return read
