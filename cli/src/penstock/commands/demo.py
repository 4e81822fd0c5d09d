"""`penstock demo`: run the whole product on this machine."""

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from penstock import embedded
from penstock.commands.options import HomeOption
from penstock.commands.output import console
from penstock.connection import embedded as connect
from penstock.demo.story import Story
from penstock.embedded.processes import ProcessBook
from penstock.project import SHOP_TOOLS
from penstock.words import span


def demo(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the stack running, to look around in.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Push a real project through the whole product: one release promoted, one aborted."""
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    out = console()
    with _stack(home, out, keep=keep) as (folder, stack), _scratch() as scratch:
        connection = connect(folder)
        fresh = not any(connection.api.flows(1))
        Story(connection, f"{stack.git_url}/shop.git", scratch / "shop", out, fresh=fresh).tell()
        if keep:
            out.print(f"The stack runs on: {stack.page_url}")
            out.print("Stop it with `penstock down`.")
    out.print(Text(f"{span(timedelta(seconds=time.monotonic() - started))} in all", "dim"))


@contextmanager
def _stack(home: Path | None, out: Console, *, keep: bool) -> Iterator[tuple[Path, embedded.Stack]]:
    """The running stack of this home, or one of the demo's own, which is removed at the end."""
    place = embedded.find_home(home)
    running = bool(ProcessBook(place.processes_file, place.logs).alive())
    own = not (keep or running)
    folder = place.folder / "demo" if own else place.folder
    report = embedded.ConsoleReport(out)
    if own:
        embedded.down(folder, forget=True)  # the rest of a killed demo
    try:
        yield folder, embedded.up(folder, embedded.StackOptions(tools=(SHOP_TOOLS,)), report)
    finally:
        if own:
            embedded.down(folder, report, forget=True)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="penstock-demo-") as folder:
        yield Path(folder)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
