"""What a job prints of its secrets is masked, however it is cut, wrapped or written."""

import base64
import html
import json
import random
import shlex
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest

from penstock_runner.domain.masking import Mask, mask_of

SECRET = "pa/ss w+rd'\"$é&\\%"
PLAIN = "hunter22hunter"
PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"


def a_mask(*values: str) -> Mask:
    mask = mask_of(values)
    assert mask is not None
    return mask


def masked(mask: Mask, *pieces: bytes) -> bytes:
    return b"".join([*(mask.feed(piece) for piece in pieces), mask.end()])


def forms() -> Iterator[tuple[str, str]]:
    yield "as it is", SECRET
    yield "address", quote(SECRET, safe="")
    yield "path", quote(SECRET)
    yield "form", quote_plus(SECRET)
    yield "json", json.dumps(SECRET)[1:-1]
    yield "json in utf-8", json.dumps(SECRET, ensure_ascii=False)[1:-1]
    yield "json of php", json.dumps(SECRET)[1:-1].replace("/", r"\/")
    yield "python", repr(SECRET)[1:-1]
    yield "shell", shlex.quote(SECRET)[1:-1]
    yield "set -x", SECRET.replace("'", "'\\''")
    yield "html", html.escape(SECRET)
    yield "hex", SECRET.encode().hex()
    for before in ("", "u", "us", "use", "user", "user:"):
        yield f"base64 after {before}", base64.b64encode(f"{before}{SECRET}".encode()).decode()
        yield "base64 within", base64.urlsafe_b64encode(f"{before}{SECRET}:rest".encode()).decode()


@pytest.mark.parametrize("form", [text for _, text in forms()], ids=[name for name, _ in forms()])
def test_a_secret_is_masked_in_every_usual_encoding(form: str) -> None:
    shown = masked(a_mask(SECRET), f"before {form} after\n".encode()).decode()
    assert "***" in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after\n")
    # Of base64 the characters at the edges, which are of the neighbours too, may stay.
    assert len(shown) <= len("before *** after\n") + 16
    for text in (SECRET, form):
        assert text not in shown


@pytest.mark.parametrize("cut", range(len(PLAIN) + 8))
def test_it_does_not_matter_where_the_output_is_cut(cut: int) -> None:
    output = f"x = {PLAIN} y\n".encode()
    assert masked(a_mask(PLAIN), output[:cut], output[cut:]) == b"x = *** y\n"


def test_output_that_comes_byte_by_byte_is_masked() -> None:
    output = f"a {PLAIN}{PLAIN} hunter {PLAIN}\n".encode()
    assert masked(a_mask(PLAIN), *(bytes([one]) for one in output)) == b"a ****** hunter ***\n"


@pytest.mark.parametrize("width", [1, 5, 76])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_ends_do_not_hide_a_secret(width: int, ending: str) -> None:
    encoded = base64.b64encode(f"user:{PLAIN * 20}".encode()).decode()
    lines = [encoded[start : start + width] for start in range(0, len(encoded), width)]
    wrapped = ending.join(lines) + ending
    shown = masked(a_mask(PLAIN * 20), *(line.encode() for line in wrapped.splitlines(True)))
    assert len(shown.replace(b"\r\n", b"").replace(b"\n", b"")) < 16


def test_the_lines_around_a_masked_one_stay_as_they_were() -> None:
    output = f"one\r\ntwo {PLAIN}\n\n{PLAIN}\n{PLAIN} three\nfour".encode()
    expected = b"one\r\ntwo ***\n\n***\n*** three\nfour"
    for size in (1, 2, 3, 7, 100):
        pieces = [output[at : at + size] for at in range(0, len(output), size)]
        assert masked(a_mask(PLAIN), *pieces) == expected


def test_each_line_of_a_longer_value_is_masked() -> None:
    shown = masked(a_mask(PEM), PEM.encode(), b"only hkiG9w0BAQEFAASC\n")
    assert shown == b"***\n***\n***\n***\nonly ***\n"


def test_the_whole_of_a_longer_value_is_masked_in_base64_and_json() -> None:
    mask = a_mask(PEM)
    encoded = base64.b64encode(PEM.encode())
    assert masked(mask, encoded + b"\n") == b"***\n"
    shown = masked(a_mask(PEM), json.dumps({"key": PEM}).encode())
    assert not any(line in shown for line in PEM.encode().split())


def test_secrets_that_overlap_are_all_masked() -> None:
    assert masked(a_mask("abcdef", "efghij"), b"xabcdefghijx") == b"x***x"
    assert masked(a_mask("aaaa"), b"baaaaaaab") == b"b***b"
    assert masked(a_mask("abcd", "abcdefgh"), b"abcdef abcdefgh") == b"***ef ***"


def test_output_waits_only_for_what_may_become_a_secret() -> None:
    mask = a_mask(PLAIN)
    assert mask.feed(b"nothing to see\n") == b"nothing to see\n"
    assert mask.feed(b"see hun") == b"see "
    assert mask.feed(b"gry\n") == b"hungry\n"


def test_a_few_characters_are_shown_after_a_pause_and_the_rest_is_masked_all_the_same() -> None:
    mask = a_mask(PLAIN)
    assert mask.feed(b"to whom? h\n") == b"to whom? "
    assert mask.release() == b"h\n"
    assert mask.release() == b""
    assert mask.feed(b"unter22hunter!") == b"***!"
    assert mask.feed(b"oh\n") == b"o"
    assert mask.release() + mask.feed(b"eight\n") == b"h\neight\n"


def test_longer_beginnings_wait_for_more_output() -> None:
    mask = a_mask(PLAIN)
    mask.feed(PLAIN[:5].encode())
    assert mask.release() == b""
    assert mask.end() == PLAIN[:5].encode()


def test_nothing_is_masked_without_secrets() -> None:
    assert mask_of([]) is None


def test_what_is_held_back_never_grows_beyond_the_longest_form() -> None:
    mask = a_mask("aaaaaaaa")
    for _ in range(100):
        mask.feed(b"a" * 1000)
    assert len(mask._held) < 100


@pytest.mark.parametrize("seed", range(60))
def test_streams_cut_anywhere_show_what_the_whole_shows(seed: int) -> None:
    """Random output over a small alphabet, in which parts of secrets are frequent."""
    chance = random.Random(seed)
    values = ["".join(chance.choices("ab", k=chance.randint(4, 7))) for _ in range(2)]
    output = "".join(chance.choices("ab\n.", weights=[6, 6, 1, 1], k=300)).encode()
    cuts = [0, *sorted(chance.sample(range(1, 300), 25)), 300]
    pieces = [output[begin:end] for begin, end in pairwise(cuts)]
    # Only line ends in the middle of something masked may differ.
    whole = masked(a_mask(*values), output).replace(b"\n", b"")
    assert masked(a_mask(*values), *pieces).replace(b"\n", b"") == whole
    assert not any(value.encode() in whole for value in values)
    left = whole.replace(b"***", b"")
    assert is_part_of(left, output)


def is_part_of(left: bytes, output: bytes) -> bool:
    """Whether what is left is the output with something taken out."""
    rest = iter(output)
    return all(one in rest for one in left)
