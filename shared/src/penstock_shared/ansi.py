"""Reads what programs print for a terminal: control sequences of ECMA-48.

Colours (SGR) are kept for those who show them. All else that a terminal would act on is dropped:
logs are shown in terminals and on pages.
"""

import re
from collections.abc import Iterator

_COLOUR = re.compile(r"\x1b\[([0-9;:]*)m")
_ESCAPE = re.compile(
    r"\x1b\[[0-9;:]*m"  # a colour
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # any other control sequence
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # a string for the terminal, such as a title
    r"|\x1b.?"
)
_CONTROLS = dict.fromkeys((*range(9), *range(10, 32), *range(127, 160))) | {0x1B: "\x1b"}
_CODE = re.compile(r"[0-9]{1,3}")


def readable(line: str) -> str:
    """The line as a terminal would leave it standing: text that prints, with colours at most.

    A carriage return starts the line over.
    """
    text = line.rstrip("\r\n")
    if "\r" in text:
        text = next((part for part in reversed(text.split("\r")) if part), "")
    if "\x1b" in text:
        text = _ESCAPE.sub(_keep_colour, text)
    return text if text.isprintable() else text.translate(_CONTROLS)


def plain(line: str) -> str:
    """The line without colours, and without anything that does not print."""
    text = _COLOUR.sub("", readable(line))
    return "".join(each for each in text if each.isprintable() or each == "\t")


def coloured_runs(line: str) -> Iterator[tuple[tuple[int, ...], str]]:
    """The line in pieces, each after the SGR codes that stand before it; a reset is code 0.

    Arguments of a code, such as the colour's number after 38, are left out.
    """
    first, *rest = _COLOUR.split(readable(line))
    yield (), first
    for parameters, text in zip(rest[::2], rest[1::2], strict=True):
        yield tuple(_codes(parameters)), text


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
