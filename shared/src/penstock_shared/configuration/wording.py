"""The texts of mistakes: what was expected, and how to write it."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from heapq import nsmallest
from typing import Any

from penstock_shared.printable import escaped

_LONGEST_QUOTE = 60
"""The most characters of the file that a message quotes."""
_MOST_CANDIDATES = 100
_LONGEST_WORD = 64
"""Characters. The search for a similar name compares every pair of letters, so it is bounded."""


def shown(text: str) -> str:
    """Text of the file for a message: short, on one line, without control characters."""
    cut = text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
    return escaped(cut)


def quoted(value: object) -> str:
    """A value of the file, in quotes."""
    return f"'{shown(str(value))}'"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a misspelt name, or an empty text."""
    if len(word) > _LONGEST_WORD:
        return ""
    candidates = nsmallest(_MOST_CANDIDATES, known, lambda name: _distance(word, name))
    close = get_close_matches(word, candidates, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _distance(word: str, name: str) -> tuple[bool, int]:
    """How much two names differ."""
    return word[:1] != name[:1], abs(len(word) - len(name))


def alternatives(words: Iterable[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def expectation(problem: Mapping[str, Any]) -> str:
    """A pydantic error in words for the author of the file.

    Types of problems: https://docs.pydantic.dev/latest/errors/validation_errors/
    """
    words = _WORDS.get(problem["type"])
    return words(problem) if words else str(problem["msg"]).removeprefix("Value error, ")


def _text(problem: Mapping[str, Any]) -> str:
    value = problem["input"]
    if isinstance(value, bool):
        return "must be text; put it in quotes"
    if isinstance(value, int | float):
        return f'must be text; put it in quotes: "{value}"'
    return "must be text"


def _choice(problem: Mapping[str, Any]) -> str:
    expected, value = str(problem["ctx"]["expected"]), problem["input"]
    hint = did_you_mean(value, expected.split("'")[1::2]) if isinstance(value, str) else ""
    return f"must be {expected}, not {_literally(value)}{hint}"


def _literally(value: object) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a section"
    return quoted(value) if isinstance(value, str) else shown(str(value))


def _driver(problem: Mapping[str, Any]) -> str:
    drivers = alternatives(str(problem["ctx"]["expected_tags"]).split(", "))
    hint = did_you_mean(problem["ctx"]["tag"], drivers.split("'")[1::2])
    return f"`driver` must be {drivers}, not {quoted(problem['ctx']['tag'])}{hint}"


def _pattern(problem: Mapping[str, Any]) -> str:
    expected = _PATTERNS.get(problem["ctx"]["pattern"], f"match {problem['ctx']['pattern']}")
    return f"{quoted(problem['input'])} must {expected}"


def _at_most(what: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda problem: f"may have at most {problem['ctx']['max_length']} {what}"


def _always(words: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda _problem: words


_PATTERNS = {
    r"^[a-z0-9][a-z0-9_-]{0,62}$": (
        "be a name of at most 63 lower-case letters, digits, - and _ that begins with a letter "
        "or a digit"
    ),
    r"^[A-Za-z_][A-Za-z0-9_]{0,127}$": (
        "be the name of a variable: at most 128 letters, digits and _, and no digit first"
    ),
    r"^[A-Za-z_][A-Za-z0-9_]{0,63}$": (
        "be the name of a secret: at most 64 letters, digits and _, and no digit first"
    ),
    r"^[A-Za-z0-9_-]{1,50}$": "have 1 to 50 letters, digits, - and _",
}
_LIST = _always("must be a list, such as [one, two]")
_SECTION = _always("must be a section with keys of its own, such as {key: value}")
_WHOLE = _always("must be a whole number")
_NUMBER = _always("must be a number")
_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": _always("is missing"),
    "tuple_type": _LIST,
    "list_type": _LIST,
    "dict_type": _SECTION,
    "model_type": _SECTION,
    "model_attributes_type": _SECTION,
    "string_type": _text,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "literal_error": _choice,
    "enum": _choice,
    "union_tag_not_found": _always("`driver` is missing: write `driver: lambda` or `command`"),
    "union_tag_invalid": _driver,
    "greater_than_equal": lambda problem: f"must be at least {problem['ctx']['ge']:g}",
    "less_than_equal": lambda problem: f"must be at most {problem['ctx']['le']:g}",
    "string_too_short": _always("must not be empty"),
    "string_too_long": _at_most("characters"),
    "string_pattern_mismatch": _pattern,
    "too_short": _always("must not be empty"),
    "too_long": _at_most("entries"),
}
