"""Turns the output of a process into lines of text."""

import re
from dataclasses import dataclass

from penstock_shared import printable

LONGEST_LINE = 64_000
"""Bytes; a longer line is split. Invalid bytes become three bytes each, and CloudWatch Logs accepts
events of 256 KiB: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""

_LINE = re.compile(rb"[^\n]{0,%d}+\n|[^\n]{1,%d}+" % (LONGEST_LINE, LONGEST_LINE))


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
    return printable.readable(line.decode(errors="replace"))


def plain(line: bytes) -> str:
    """The line without colours and other unprintable characters."""
    return printable.plain(line.decode(errors="replace"))


def tail_of(output: bytes, characters: int) -> str:
    """The last whole lines of the output, as plain text of at most this many characters."""
    text = "\n".join(plain(line) for line in split_lines(output.rstrip(b"\n")))
    if len(text) <= characters:
        return text
    cut = text[-characters:]
    return cut.partition("\n")[2] or cut
