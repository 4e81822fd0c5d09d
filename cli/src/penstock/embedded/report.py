"""How `up` and `down` tell what they do."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Report:
    """Told of each thing done; this one keeps it to itself, for those who ask from code."""

    def say(self, text: str) -> None:
        """One line for a person."""

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Wraps work that takes a while."""
        yield


class ConsoleReport(Report):
    """Shows each step while it runs, and how long it took."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        started = time.monotonic()
        with self._console.status(text):
            yield
        self.say(f"[green]✓[/] {text} [dim]{time.monotonic() - started:.1f} s[/]")
