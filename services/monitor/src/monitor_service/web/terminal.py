"""Turns what programs print for a terminal into text with styles, and nothing else.

Of the control sequences of ECMA-48 only SGR (colours, bold) means something on a page; the others
are dropped. What comes out is plain text with names of classes: the template escapes it.
"""

import re
from collections.abc import Iterator

_SEQUENCE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;]*)m"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[@-Z\\-_]?"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")

Segment = tuple[str, str]
"""Class names, text."""


def segments(line: str) -> list[Segment]:
    """One line as runs of text with the classes they are shown in, such as `bold red`.

    A carriage return starts the line over, as it does in a terminal.
    """
    shown = line.rstrip("\r").rpartition("\r")[2]
    found: list[Segment] = []
    style: frozenset[str] = frozenset()
    at = 0
    for match in _SEQUENCE.finditer(shown):
        found.append((_classes(style), _CONTROL.sub("", shown[at : match.start()])))
        at = match.end()
        if match["sgr"] is not None:
            style = _styled(style, match["sgr"])
    found.append((_classes(style), _CONTROL.sub("", shown[at:])))
    return [segment for segment in found if segment[1]]


def _classes(style: frozenset[str]) -> str:
    return " ".join(sorted(style))


def _styled(style: frozenset[str], sgr: str) -> frozenset[str]:
    for code in _codes(sgr):
        if code == 0:
            style = frozenset()
        elif code == 1:
            style |= {"bold"}
        elif code == 22:
            style -= {"bold"}
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style = (style - set(_COLOURS)) | {_COLOURS[code % 10]}
        elif code == 39:
            style -= set(_COLOURS)
    return style


def _codes(sgr: str) -> Iterator[int]:
    """The codes of one sequence; none after 38 or 48, whose own arguments follow them."""
    for text in sgr.split(";"):
        code = int(text or 0)
        if code in {38, 48}:
            return
        yield code
