"""Turns the output of a process into lines of text."""

import re
from dataclasses import dataclass

LONGEST_LINE = 64_000
"""Bytes; a longer line is split. Invalid bytes become three bytes each, and CloudWatch Logs accepts
events of 256 KiB: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""

_LINE = re.compile(rb"[^\n]{0,%d}+\n|[^\n]{1,%d}+" % (LONGEST_LINE, LONGEST_LINE))

# Colours stay in the log. Other control sequences are removed, since terminals would act on them.
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_ESCAPE = re.compile(
    r"\x1b\[[0-9;:]*m"  # a colour
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # any other control sequence
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # a string for the terminal, such as a title
    r"|\x1b."
)
_CONTROLS = dict.fromkeys((*range(9), *range(10, 32), *range(127, 160))) | {0x1B: "\x1b"}


def split_lines(output: bytes) -> list[bytes]:
    """The output as lines with their line ends. Overlong lines and the last one may have none."""
    return _LINE.findall(output)


@dataclass
class LineCutter:
    """Cuts a stream of bytes into lines."""

    _rest: bytes = b""

    def feed(self, output: bytes) -> list[bytes]:
        """Add output; returns the lines that are complete now."""
        lines = split_lines(self._rest + output)
        ended = not lines or lines[-1].endswith(b"\n")
        self._rest = b"" if ended else lines.pop()
        return lines

    @property
    def unended(self) -> bool:
        """Whether there is an unended line."""
        return bool(self._rest)

    def flush(self) -> list[bytes]:
        """Return and forget the unended line."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


def readable(line: bytes) -> str:
    """The line as a terminal would finally show it: valid text, with colours only."""
    text = line.decode(errors="replace").rstrip("\r\n")
    if "\r" in text:
        text = next((part for part in reversed(text.split("\r")) if part), "")
    if "\x1b" in text:
        text = _ESCAPE.sub(_keep_colour, text)
    return text if text.isprintable() else text.translate(_CONTROLS)


def plain(line: bytes) -> str:
    """The line without colours and other unprintable characters."""
    text = _COLOUR.sub("", readable(line))
    return "".join(each for each in text if each.isprintable() or each == "\t")


def tail_of(output: bytes, characters: int) -> str:
    """The last whole lines of the output, as plain text of at most this many characters."""
    text = "\n".join(plain(line) for line in split_lines(output.rstrip(b"\n")))
    if len(text) <= characters:
        return text
    cut = text[-characters:]
    return cut.partition("\n")[2] or cut


def _keep_colour(found: re.Match[str]) -> str:
    return found[0] if _COLOUR.fullmatch(found[0]) else ""
