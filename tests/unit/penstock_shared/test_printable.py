"""What text from outside may do where it is shown: nothing."""

import json

import pytest

from penstock_shared.printable import (
    coloured_runs,
    escaped,
    escaped_json,
    escaped_lines,
    one_line,
    plain,
    printable,
    readable,
)


def test_printable_text_keeps_its_lines_and_its_letters() -> None:
    text = "Grüße, 世界\r\nمی\u200cخواهم\t👩\u200d💻\rend\u2028\x85"
    assert printable(text) == "Grüße, 世界\nمی\u200cخواهم\t👩\u200d💻\nend  "


def test_one_line_has_no_breaks() -> None:
    assert one_line("one\r\ntwo\tthree\x1b") == "one two three"


def test_escapes_show_where_a_text_is_not_what_it_seems() -> None:
    assert escaped("a\nb\x1b\u202ec") == r"a\nb\x1b\u202ec"
    assert escaped_lines("a\nb\x1b") == "a\nb\\x1b"


def test_escaped_json_is_the_same_json() -> None:
    value = {"\x9b": ["\U000e0001", "\u2028", "ü", '"\\\n']}
    document = escaped_json(json.dumps(value, indent=2, ensure_ascii=False))
    assert json.loads(document) == value
    assert document.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("\x1b[31mred\x1b[0m\r\n", "\x1b[31mred\x1b[0m"),
        ("\x1b[2K\x1b[1Gcleared", "cleared"),
        ("10 %\r50 %\r100 %\r", "100 %"),
        ("\x1b]0;a title\x07text", "text"),
        ("cut off \x1b", "cut off "),
        ("bell\x07 and\ttab", "bell and\ttab"),
        (f"no colour is so \x1b[{'9' * 5000}mlong", "no colour is so long"),
        ("turned \u202eround", "turned round"),
        ("wide\u3000space", "wide space"),
    ],
)
def test_of_all_sequences_only_colours_stay(line: str, expected: str) -> None:
    assert readable(line) == expected


def test_plain_text_has_no_colours() -> None:
    assert plain("\x1b[1;31mred\x1b[m and\ttab") == "red and\ttab"


@pytest.mark.parametrize(
    ("parameters", "codes"),
    [
        ("", (0,)),
        ("1;31", (1, 31)),
        ("1;38;5;196", (1,)),
        ("38:5:196;1", (1,)),
        ("4:3", (4,)),
        ("9" * 60, ()),
    ],
)
def test_a_run_tells_the_codes_before_it(parameters: str, codes: tuple[int, ...]) -> None:
    assert list(coloured_runs(f"a\x1b[{parameters}mb")) == [((), "a"), (codes, "b")]
