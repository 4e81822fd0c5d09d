"""Circles among things of a `penstock.yml` that wait for one another."""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

_LONGEST_CIRCLE = 8


def circle_in(graph: Mapping[str, Iterable[str]]) -> Sequence[str]:
    """The names of one circle, each before what it waits for; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def circle_text(circle: Sequence[str]) -> str:
    """What is said of a circle."""
    shown = circle if len(circle) <= _LONGEST_CIRCLE else [*circle[:_LONGEST_CIRCLE], "…"]
    return f"goes in a circle: {' -> '.join(shown)}"
