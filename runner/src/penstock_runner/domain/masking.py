"""Hides the values of secrets in what a job prints.

A value is recognised as it is and as programs usually write it: in base64 wherever it begins, in
hexadecimal, and escaped for an address, JSON, a shell or HTML. Line ends between its characters do
not hide it from this: base64 wraps its lines. Of a value of several lines each line is recognised.
Output is handled as it comes, in pieces cut anywhere.
"""

import base64
import html
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from penstock_shared.contracts.secrets import SHORTEST_SECRET

MASK = b"***"
_BREAK = re.compile(rb"[\r\n]")
_BREAKS = b"\r\n"
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_SPECIAL = re.compile(r"([^\w@%+=:,./-])", re.ASCII)
_IN_QUOTES = re.compile(r'([\\"$`])')
# bash escapes fewer: of `#` and `~` only those that would mean something where they stand.
_SPECIAL_TO_BASH = re.compile(r"""([\s!"$&'()*,;<>?[\\\]^`{|}]|(?<=[:=])~)""")
_SPECIAL_AT_BEGIN = re.compile(r"^(?=[#~])")
_UNESCAPED = (
    "",
    "/",
    "!'()*~",  # encodeURIComponent of JavaScript
    "!'()*~#$&+,/:;=?@",  # encodeURI
    "$&+:=@~",  # url.PathEscape of Go
    "!$&'()*+,/:;=@~",  # what RFC 3986 allows in a path
)
"""What different programs leave as it is in an address, beside letters, digits and `_.-`."""
_JSON_IN_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_QUOTES_IN_HTML = (
    ("&quot;", "&#x27;"),
    ("&quot;", "&#39;"),
    ("&quot;", "&#039;"),
    ("&quot;", "&apos;"),
    ("&#34;", "&#39;"),
    ('"', "'"),
)
"""How different programs write both quotes."""

Span = tuple[int, int]
"""From where, and to before where."""


def mask_of(values: Iterable[str]) -> "Mask | None":
    """The mask of these values; None if there are none, so that masking costs nothing then."""
    found = {needle for value in values for needle in _needles_of(value)}
    return Mask(tuple(sorted(found, key=lambda needle: (-len(needle), needle)))) if found else None


@dataclass
class Mask:
    """Replaces what is secret in one stream of output.

    The end of what came is held back as long as it may be the beginning of something secret.
    """

    needles: tuple[bytes, ...]
    _held: bytes = b""
    """The end of the output, from where something secret may begin."""
    _done: int = 0
    """The bytes of `_held` that are written already, line ends not counted."""
    _in_mask: bool = False
    """Whether what was written last is a mask."""

    def feed(self, output: bytes) -> bytes:
        """Add output; returns what can be written now."""
        view = _View(self._held + output)
        return self._write(view, self._unsure_from(view.flat))

    def release(self) -> bytes:
        """The held back bytes, if they are fewer than any secret has: for output that pauses.

        If they do begin a secret, its rest is masked all the same.
        """
        view = _View(self._held)
        if len(view.flat) >= SHORTEST_SECRET:
            return b""
        written = view.between(self._done, len(view.flat))
        self._in_mask = self._in_mask and self._done == len(view.flat)
        self._held, self._done = view.flat, len(view.flat)
        return written

    def end(self) -> bytes:
        """What is still held back, once there is no more output."""
        view = _View(self._held)
        return self._write(view, len(view.flat))

    def text(self, text: str) -> str:
        """A whole text, masked. It is no part of the stream."""
        mask = Mask(self.needles)
        masked = mask.feed(text.encode(errors="replace")) + mask.end()
        return masked.decode(errors="replace")

    def _write(self, view: "_View", limit: int) -> bytes:
        """What is before `limit` and not written yet, masked; holds back the rest.

        A span that reaches over the limit is written as a mask now, and its bytes stay as context.
        """
        pieces, at = [], self._done
        for begin, end in self._secret_spans(view.flat):
            if end <= at or begin >= limit:
                continue
            if begin >= at:
                pieces += [view.between(at, begin), MASK]
            elif not self._in_mask:
                pieces.append(MASK)
            at, self._in_mask = end, True
        self._in_mask = self._in_mask and at >= limit
        reached = max(at, limit)
        pieces.append(view.between(at, reached))
        self._held, self._done = view.flat[limit:reached] + view.after(reached), reached - limit
        return b"".join(pieces)

    def _secret_spans(self, flat: bytes) -> list[Span]:
        """Where something secret is, in order. Spans that overlap are one."""
        merged: list[Span] = []
        for begin, end in sorted(span for needle in self.needles for span in _finds(needle, flat)):
            if merged and begin < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((begin, end))
        return merged

    def _unsure_from(self, flat: bytes) -> int:
        """Where the first thing begins of which only more output shows whether it is secret."""
        return min(_begun_at(needle, flat) for needle in self.needles)


class _View:
    """Bytes without their line ends, and the way back. Positions are those of `flat`."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.flat = content.translate(None, _BREAKS)
        found = _BREAK.finditer(content) if len(self.flat) < len(content) else ()
        self._breaks = [each.start() - number for number, each in enumerate(found)]

    def between(self, begin: int, end: int) -> bytes:
        """The content from `begin` to `end`, with the line ends at both."""
        return self.content[begin + bisect_left(self._breaks, begin) : self._after(end)]

    def after(self, position: int) -> bytes:
        """The content after the line ends at this position."""
        return self.content[self._after(position) :]

    def _after(self, position: int) -> int:
        return position + bisect_right(self._breaks, position)


def _finds(needle: bytes, flat: bytes) -> Iterator[Span]:
    begin = flat.find(needle)
    while begin >= 0:
        yield begin, begin + len(needle)
        begin = flat.find(needle, begin + 1)


def _begun_at(needle: bytes, flat: bytes) -> int:
    """Where the needle begins whose rest is not there yet; the end if it does not."""
    begin = flat.find(needle[:1], max(0, len(flat) - len(needle) + 1))
    while begin >= 0:
        if needle.startswith(flat[begin:]):
            return begin
        begin = flat.find(needle[:1], begin + 1)
    return len(flat)


def _needles_of(value: str) -> Iterator[bytes]:
    lines = [line.strip() for line in value.splitlines()]
    for line in lines:
        if len(line) >= SHORTEST_SECRET:
            yield from (form.encode() for form in _written_forms(line))
            yield from _encoded_forms(line.encode())
    if len(lines) > 1:
        yield from _encoded_forms(value.encode())
        yield from _encoded_forms(value.replace("\n", "\r\n").encode())


def _written_forms(text: str) -> Iterator[str]:
    """The text as it is, and escaped."""
    yield text
    for address in _addresses(text):
        yield address
        yield _PERCENT.sub(lambda escape: escape[0].lower(), address)
    for document in (json.dumps(text), json.dumps(text, ensure_ascii=False), repr(text)):
        yield document[1:-1]
        yield document[1:-1].replace("/", "\\/")
    yield from _json_in_html(text)
    yield from _shell_forms(text)
    markup = html.escape(text, quote=False)
    for double, single in _QUOTES_IN_HTML:
        yield markup.replace('"', double).replace("'", single)


def _addresses(text: str) -> Iterator[str]:
    for unescaped in _UNESCAPED:
        yield quote(text, safe=unescaped)
    yield quote_plus(text)
    yield quote_plus(text, safe="*").replace("~", "%7E")  # forms of browsers and of Java


def _json_in_html(text: str) -> Iterator[str]:
    """JSON that may stand in HTML, as Go writes all of it."""
    for ensure_ascii in (True, False):
        document = json.dumps(text, ensure_ascii=ensure_ascii)[1:-1]
        document = document.translate(_JSON_IN_HTML)
        yield document
        yield document.replace("'", "\\u0027")


def _shell_forms(text: str) -> Iterator[str]:
    """As `printf %q`, `set -x` and people quote it."""
    yield text.replace("'", "'\"'\"'")
    yield text.replace("'", "'\\''")
    yield _SPECIAL.sub(r"\\\1", text)
    of_bash = _SPECIAL_TO_BASH.sub(r"\\\1", text)
    yield of_bash
    yield _SPECIAL_AT_BEGIN.sub(r"\\", of_bash)
    yield _IN_QUOTES.sub(r"\\\1", text)
    yield text.replace("\\", "\\\\").replace("'", "\\'")


def _encoded_forms(content: bytes) -> Iterator[bytes]:
    """In hexadecimal, and in base64 after any number of bytes, without what they share."""
    yield content.hex().encode()
    yield content.hex().upper().encode()
    for before in range(3):
        known = slice(-(-8 * before // 6), 8 * (before + len(content)) // 6)
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(bytes(before) + content)
            yield encoded[known]
            yield encoded[known.start :].rstrip(b"=")
