"""What commands print on: a console on which text is text, whoever wrote it.

rich writes what it is given, control sequences included, and reads its own markup in every string.
No other module makes a console, so no command can forget about either.
"""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from penstock_shared.printable import printable


class Terminal(Console):
    """A console without markup, on which nothing but rich itself moves the cursor."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))
