"""What is printable: the one place that says what text from outside may do to those who read it.

Names of branches, messages of commits, keys of `penstock.yml`, errors of servers and the output of
jobs are written by strangers. Shown, they are text and nothing else: no control sequence of
ECMA-48, no character that turns the direction of the text around it (U+202A to U+202E and U+2066
to U+2069), no line break that is none to us. Only output of jobs keeps colours (SGR).

It imports only the standard library, because the hook of a push prints with it.
"""

import re
from collections.abc import Callable, Iterator

_JOINERS = "\u200c\u200d"
"""Invisible characters that scripts such as Persian, and emoji, are written with."""
_LONGEST_COLOUR = 64
_COLOUR = re.compile(rf"\x1b\[([0-9;:]{{0,{_LONGEST_COLOUR}}})m")
_ESCAPE = re.compile(
    rf"{_COLOUR.pattern}"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # any other control sequence
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # a string for the terminal, such as a title
    r"|\x1b.?"
)
_CODE = re.compile(r"[0-9]{1,3}")
_UNUSUAL = re.compile(r"[^ -~]+")


def _dropping(kept: str) -> Callable[[str], str]:
    """What becomes of a character: itself, a plain space, or nothing."""

    def judge(character: str) -> str:
        if character.isprintable() or character in kept:
            return character
        return " " if character.isspace() else ""

    return judge


def _escaping(kept: str) -> Callable[[str], str]:
    """What becomes of a character: itself, or its escape in Python."""

    def judge(character: str) -> str:
        if character.isprintable() or character in kept:
            return character
        return character.encode("unicode_escape").decode()

    return judge


_TEXT = _dropping(f"\n\t{_JOINERS}")
_LINE = _dropping(_JOINERS)
_COLOURED_LINE = _dropping(f"\t\x1b{_JOINERS}")
_VISIBLE_LINE = _escaping(_JOINERS)
_VISIBLE_TEXT = _escaping(f"\n\t{_JOINERS}")


def printable(text: str) -> str:
    """Text of one or more lines, without anything that does not print.

    Spaces and line breaks of other kinds become plain ones.
    """
    if text.isprintable():
        return text
    return _judged(text.replace("\r\n", "\n").replace("\r", "\n"), _TEXT)


def one_line(text: str) -> str:
    """The text on one line, without anything that does not print."""
    return _judged(text.replace("\r\n", "\n"), _LINE)


def escaped(text: str) -> str:
    r"""The text on one line; what does not print is visible as an escape, such as `\x1b`.

    For messages about the text itself, whose author shall find the place.
    """
    return _judged(text, _VISIBLE_LINE)


def escaped_lines(text: str) -> str:
    """As `escaped`, but line breaks and tabs stay: for commands."""
    return _judged(text, _VISIBLE_TEXT)


def escaped_json(document: str) -> str:
    """A JSON document whose strings say with JSON's own escapes what does not print.

    Line breaks outside of strings stay.
    """
    return _judged(document, _json_escape)


def readable(line: str) -> str:
    """The line as a terminal would leave it standing: text that prints, with colours at most.

    A carriage return starts the line over.
    """
    text = line.rstrip("\r\n")
    if "\r" in text:
        text = next((part for part in reversed(text.split("\r")) if part), "")
    if "\x1b" in text:
        text = _ESCAPE.sub(_keep_colour, text)
    return _judged(text, _COLOURED_LINE)


def plain(line: str) -> str:
    """The line without colours, and without anything that does not print."""
    return _COLOUR.sub("", readable(line))


def coloured_runs(line: str) -> Iterator[tuple[tuple[int, ...], str]]:
    """The line in pieces, each after the SGR codes that stand before it; a reset is code 0.

    Arguments of a code, such as the colour's number after 38, are left out.
    """
    first, *rest = _COLOUR.split(readable(line))
    yield (), first
    for parameters, text in zip(rest[::2], rest[1::2], strict=True):
        yield tuple(_codes(parameters)), text


def _judged(text: str, judge: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return _UNUSUAL.sub(lambda run: "".join(map(judge, run[0])), text)


def _json_escape(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _keep_colour(found: re.Match[str]) -> str:
    return found[0] if _COLOUR.fullmatch(found[0]) else ""


def _codes(parameters: str) -> Iterator[int]:
    for parameter in parameters.split(";"):
        code, colon, _ = parameter.partition(":")
        if code in {"38", "48", "58"}:
            if colon:
                continue
            return  # the arguments follow as parameters of their own
        if not code or _CODE.fullmatch(code):
            yield int(code or 0)
