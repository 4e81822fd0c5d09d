"""Patterns of paths and branches: `**` crosses folders, `*`, `?` and `[...]` do not.

Matching takes at most time proportional to the length of the pattern times that of the path, even
for hostile patterns.
"""

import re
from collections.abc import Callable
from fnmatch import translate
from functools import lru_cache

_ANY_DEPTH = "**"


def is_glob(pattern: str) -> bool:
    """Whether the pattern has wildcards."""
    return any(sign in pattern for sign in "*?[")


def glob_matcher(pattern: str) -> Callable[[str], bool]:
    """A function that says whether a path matches. A trailing `/**` does not match the folder."""
    parts = _collapsed(pattern.split("/"))
    return lambda path: _match(parts, path.split("/"))


def _collapsed(parts: list[str]) -> list[str]:
    """The parts with each row of `**` reduced to one, which means the same."""
    return [
        part
        for part, before in zip(parts, [None, *parts], strict=False)
        if part != _ANY_DEPTH or before != _ANY_DEPTH
    ]


def _match(parts: list[str], names: list[str]) -> bool:
    """Walk over the pattern, and keep every position in the path that it can have reached."""
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


@lru_cache(maxsize=4096)
def _segment(part: str) -> Callable[[str], bool]:
    """The pattern of one folder's name. `fnmatch` makes expressions that never backtrack."""
    if not is_glob(part):
        return part.__eq__
    expression = re.compile(translate(part))
    return lambda name: bool(expression.match(name))
