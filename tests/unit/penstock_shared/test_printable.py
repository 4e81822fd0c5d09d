"""What programs print for a terminal, as text."""

import pytest

from penstock_shared.printable import coloured_runs, plain, readable


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("\x1b[31mred\x1b[0m\r\n", "\x1b[31mred\x1b[0m"),
        ("\x1b[2K\x1b[1Gcleared", "cleared"),
        ("10 %\r50 %\r100 %\r", "100 %"),
        ("\x1b]0;a title\x07text", "text"),
        ("cut off \x1b", "cut off "),
        ("bell\x07 and\ttab", "bell and\ttab"),
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
        ("9" * 5000, ()),
    ],
)
def test_a_run_tells_the_codes_before_it(parameters: str, codes: tuple[int, ...]) -> None:
    assert list(coloured_runs(f"a\x1b[{parameters}mb")) == [((), "a"), (codes, "b")]
