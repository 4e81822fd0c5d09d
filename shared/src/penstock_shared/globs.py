"""Patterns of paths and branches: `**` crosses folders, `*`, `?` and `[...]` do not.

The time that a match takes is at most proportional to the lengths of pattern and path multiplied,
whoever wrote the pattern.
"""

import re
from collections.abc import Callable
from fnmatch import translate
from functools import cache

_ANY_DEPTH = "**"


def is_glob(pattern: str) -> bool:
    """Whether the pattern can match anything but itself."""
    return any(sign in pattern for sign in "*?[")


def glob_matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a path matches, as a function of the path. A trailing `/**` needs something below."""
    parts = _collapsed(pattern.split("/"))
    return lambda path: _match(parts, path.split("/"))


def _collapsed(parts: list[str]) -> list[str]:
    """Several `**` in a row mean what one of them means."""
    return [
        part
        for part, before in zip(parts, [None, *parts], strict=False)
        if part != _ANY_DEPTH or before != _ANY_DEPTH
    ]


def _match(parts: list[str], names: list[str]) -> bool:
    """Walk over the pattern and keep every place in the path that it can have got to."""
    places = {0}
    for number, part in enumerate(parts):
        if part == _ANY_DEPTH:
            last = number == len(parts) - 1
            places = set(range(min(places) + last, len(names) + 1))
        else:
            matches = _segment(part)
            places = {at + 1 for at in places if at < len(names) and matches(names[at])}
        if not places:
            return False
    return len(names) in places


@cache
def _segment(part: str) -> Callable[[str], bool]:
    """One folder's name. `fnmatch` makes expressions that do not backtrack from star to star."""
    if not is_glob(part):
        return part.__eq__
    expression = re.compile(translate(part))
    return lambda name: bool(expression.match(name))
