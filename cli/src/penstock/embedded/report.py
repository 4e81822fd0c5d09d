"""How `up` and `down` report progress."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text


class Report:
    """Receives progress and ignores it, for callers in code."""

    def say(self, text: str) -> None:
        """Report one line for a person."""

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Wrap work that takes a while."""
        yield


class ConsoleReport(Report):
    """Shows each step on a console while it runs, and how long it took."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        started = time.monotonic()
        with self._console.status(Text(text)):
            yield
        took = (f" {time.monotonic() - started:.1f} s", "dim")
        self._console.print(Text.assemble(("✓", "green"), f" {text}", took), soft_wrap=True)
