"""Text that strangers would like others to see, and what it must not do when it is shown."""

import re

HOSTILE = {
    "title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "clipboard by 8-bit": "\x9d52;c;cm0gLXJmIH4=\x9c",
    "link": "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "clear screen": "\x1b[2J\x1b[H",
    "clear screen by 8-bit": "\x9b2J",
    "up and over": "all failed\x1b[1A\x1b[2Kall passed",
    "backspaces": "failed\b\b\b\b\b\bpassed",
    "carriage return": "failed\rpassed",
    "alternate screen": "\x1b[?1049h",
    "asks for an answer": '\x1b[6n\x1bP$q"p\x1b\\',
    "endless string": "\x1bP" + "x" * 500,
    "long colour": f"\x1b[{'9' * 5000}m",
    "bell": "\x07",
    "null": "nothing\0here",
    "forged line": 'x\n{"level":"INFO","message":"all is well"}\n',
    "separator": "one\u2028two\u2029three\x85four\x0bfive",
    "turned round": "\u202egpj.exe\u202c \u2066hidden\u2069 \u200f",
    "markup of rich": "[bold red]red[/] [link=file:///etc/passwd]click[/link] :bomb:",
    "tags": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": '" onmouseover="alert(1)" x="',
    "javascript address": "javascript:alert(1)//\x01",
    "template": "{{ 7 * 191 }}{% include 'error.html' %}${7*191}",
    "entity": "&lt;script&gt;&#x202e;",
}

_ACTS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # every control character but tab and line feed
    "|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # what turns the direction of text
    "|[\u2028\u2029]"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,64}m")


def what_acts_in(shown: str, *, colours: bool = False) -> list[str]:
    """The characters of shown text that would act, where they do; colours may be allowed."""
    text = _COLOUR.sub("", shown) if colours else shown
    return [ascii(text[max(0, one.start() - 20) : one.end() + 20]) for one in _ACTS.finditer(text)]
