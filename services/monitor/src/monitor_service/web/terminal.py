"""Turns what programs print for a terminal into text with names of classes, and nothing else.

The template escapes the text; of the styles of a terminal, the eight colours and bold are shown.
"""

from penstock_shared.printable import coloured_runs

_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")

Segment = tuple[str, str]
"""Class names, text."""


def segments(line: str) -> list[Segment]:
    """One line as runs of text with the classes they are shown in, such as `bold red`."""
    found: list[Segment] = []
    style: frozenset[str] = frozenset()
    for codes, text in coloured_runs(line):
        for code in codes:
            style = _styled(style, code)
        if text:
            found.append((" ".join(sorted(style)), text))
    return found


def _styled(style: frozenset[str], code: int) -> frozenset[str]:
    if code == 0:
        return frozenset()
    if code == 1:
        return style | {"bold"}
    if code == 22:
        return style - {"bold"}
    if 30 <= code <= 37 or 90 <= code <= 97:
        return (style - set(_COLOURS)) | {_COLOURS[code % 10]}
    return style - set(_COLOURS) if code == 39 else style
