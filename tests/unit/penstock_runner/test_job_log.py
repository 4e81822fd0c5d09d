"""The log of a job's output."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from penstock_runner.adapters import job_log
from penstock_runner.adapters.capture import EVENT_OVERHEAD, UNENDED_PATIENCE, Capture, LogLine
from penstock_runner.adapters.job_log import ShippedLog
from penstock_runner.adapters.log_stream import BATCH_BYTES, BATCH_EVENTS, batches
from penstock_runner.adapters.text import LONGEST_LINE, LineCutter, plain, readable, tail_of
from penstock_runner.domain.results import SILENT

PATIENCE = 20.0
MEGABYTE = 1 << 20


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (b"plain", "plain"),
        ("snowman \u2603".encode(), "snowman \u2603"),
        (b"not \xff\xfe UTF-8", "not \ufffd\ufffd UTF-8"),
        (b"a\ttab", "a\ttab"),
        (b"null\0 bell\x07 back\x08space", "null bell backspace"),
        (b"windows\r\n", "windows"),
        (b"10%\r50%\r100%", "100%"),
        (b"10%\r100%\r\n", "100%"),
        (b"\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
        (b"\x1b[2J\x1b[Hcleared", "cleared"),
        (b"\x1b]0;a title\x07after", "after"),
        (b"\x1b]52;c;c2VjcmV0\x1b\\clipboard", "clipboard"),
        (b"\xc2\x9b31mC1 control", "31mC1 control"),
        (b"\x1b", ""),
    ],
)
def test_a_line_is_made_readable(output: bytes, line: str) -> None:
    assert readable(output) in (line, "\x1b" if line == "" else line)


def test_plain_text_has_no_colours() -> None:
    assert plain(b"\x1b[1;31mred\x1b[0m\ttab") == "red\ttab"


def test_lines_are_cut_whatever_pieces_they_come_in() -> None:
    cutter = LineCutter()
    text = "ein S\u00e4tzchen\n\nnoch eins\nund".encode()

    lines = [line for byte in text for line in cutter.feed(bytes([byte]))]

    assert lines == ["ein S\u00e4tzchen\n".encode(), b"\n", b"noch eins\n"]
    assert cutter.flush() == [b"und"]
    assert cutter.flush() == []


def test_an_endless_line_is_cut_too() -> None:
    cutter = LineCutter()

    lines = cutter.feed(b"x" * (LONGEST_LINE * 2 + 5))

    assert [len(line) for line in lines] == [LONGEST_LINE, LONGEST_LINE]
    assert cutter.flush() == [b"xxxxx"]


def test_the_tail_is_the_last_whole_lines() -> None:
    output = b"".join(b"line %d\n" % number for number in range(1000))

    tail = tail_of(output, 30)

    assert tail == "line 996\nline 997\nline 998\nline 999"[-26:]


def test_the_tail_of_one_long_line_is_its_end() -> None:
    assert tail_of(b"x" * 100 + b"end\n", 10) == "xxxxxxxend"


def texts(lines: Sequence[LogLine]) -> list[str]:
    return [line.text for line in lines]


def a_capture(cap: int) -> Capture:
    ticks = count()
    return Capture(cap, lambda: next(ticks))


def test_output_under_the_cap_is_kept_whole() -> None:
    capture = a_capture(10_000)

    capture.add(b"one\ntwo\nthr")
    assert texts(capture.take()) == ["one", "two"]
    capture.add(b"ee\n")

    assert texts(capture.end()) == ["three"]


@dataclass
class Clock:
    """A clock in milliseconds that a test advances."""

    now: int = 0

    def __call__(self) -> int:
        return self.now


def test_a_line_is_stored_once_it_has_ended_however_it_was_written() -> None:
    clock = Clock()
    capture = Capture(10_000, clock)

    for piece in (b"collecting", b" ...", b" done\nnext"):
        capture.add(piece)
        clock.now += UNENDED_PATIENCE // 3
    assert texts(capture.take()) == ["collecting ... done"]
    assert texts(capture.end()) == ["next"]


def test_a_line_that_does_not_end_for_long_is_shown() -> None:
    clock = Clock()
    capture = Capture(10_000, clock)
    capture.add(b"your name? ")

    clock.now = UNENDED_PATIENCE - 1
    assert texts(capture.take()) == []
    clock.now = UNENDED_PATIENCE
    assert texts(capture.take()) == ["your name? "]
    assert texts(capture.end()) == []


def test_of_too_much_output_the_first_and_the_last_part_are_kept() -> None:
    capture = a_capture(cap=2 * 10 * (EVENT_OVERHEAD + 7))
    output = [b"line %02d\n" % number for number in range(100)]

    for line in output:
        capture.add(line)
    kept = texts(capture.end())

    assert kept[:10] == [f"line {number:02}" for number in range(10)]
    (gap,) = [index for index, text in enumerate(kept) if "left out" in text]
    last = kept[gap + 1 :]
    assert gap == 10
    assert last == [f"line {number:02}" for number in range(100 - len(last), 100)]
    assert kept[gap] == f"[{8 * (90 - len(last))} bytes of output were left out here]"


def test_a_second_half_that_fits_is_kept_whole() -> None:
    capture = a_capture(cap=2 * 10 * (EVENT_OVERHEAD + 8))

    for number in range(18):
        capture.add(b"line %02d\n" % number)

    assert texts(capture.end()) == [f"line {number:02}" for number in range(18)]


@pytest.mark.parametrize("piece", [b"y\n" * 32_768, b"x" * 65_536, b"\xff\0" * 32_768])
def test_a_flood_stays_within_the_cap(piece: bytes) -> None:
    capture = a_capture(8 * MEGABYTE)
    stored = 0

    for _ in range(32 * MEGABYTE // len(piece)):
        capture.add(piece)
        stored += sum(line.weight for line in capture.take())
    last = capture.end()

    assert "left out" in last[0].text or "left out" in last[1].text
    assert 4 * MEGABYTE < stored + sum(line.weight for line in last) <= 8 * MEGABYTE + 100


def test_batches_keep_to_the_limits_and_the_order() -> None:
    lines = [LogLine(number, "x" * (number % 60_000)) for number in range(0, 1_000_000, 7_919)]
    lines += [LogLine(number, "") for number in range(25_000)]

    found = list(batches(lines))

    assert [line for batch in found for line in batch] == lines
    assert all(len(batch) <= BATCH_EVENTS for batch in found)
    assert all(sum(line.weight for line in batch) <= BATCH_BYTES for batch in found)
    assert list(batches([])) == []


@dataclass
class FakeSink:
    """A log stream that can fail."""

    name: str = "a/stream/1"
    stored: list[str] = field(default_factory=list)
    fails: Exception | None = None
    asked: threading.Event = field(default_factory=threading.Event)
    _more: threading.Condition = field(default_factory=threading.Condition)

    def put(self, lines: Sequence[LogLine]) -> None:
        self.asked.set()
        if self.fails:
            raise self.fails
        with self._more:
            self.stored += [line.text for line in lines]
            self._more.notify_all()

    def wait_for(self, text: str) -> None:
        with self._more:
            assert self._more.wait_for(lambda: text in self.stored, PATIENCE)


OUTAGE = EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutLogEvents")


def test_a_silent_job_has_no_log() -> None:
    sink = FakeSink()

    assert ShippedLog(sink, "true", MEGABYTE).close() == SILENT
    assert not sink.asked.is_set()


def test_output_is_stored_while_the_job_runs_after_the_command() -> None:
    sink = FakeSink()
    log = ShippedLog(sink, "make all", MEGABYTE)

    log.write(b"first\n")
    sink.wait_for("first")
    log.write(b"second\nthi")
    sink.wait_for("second")
    log.write(b"rd")
    report = log.close()

    assert sink.stored == ["$ make all", "first", "second", "third"]
    assert report.stream == "a/stream/1"
    assert report.tail == "first\nsecond\nthird"
    assert report.trouble == ""


@pytest.mark.parametrize("outage", [OUTAGE, DENIED])
def test_an_outage_of_the_log_loses_nothing_if_it_passes(outage: Exception) -> None:
    sink = FakeSink(fails=outage)
    log = ShippedLog(sink, "make", MEGABYTE)
    log.write(b"first\n")
    assert sink.asked.wait(PATIENCE)

    sink.fails = None
    log.write(b"second\n")
    report = log.close()

    assert sink.stored == ["$ make", "first", "second"]
    assert report.trouble == ""


def test_an_outage_that_lasts_is_told_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_log, "CLOSING_PATIENCE", 0.1)
    log = ShippedLog(FakeSink(fails=DENIED), "make", MEGABYTE)

    log.write(b"first\nsecond\n")
    report = log.close()

    assert report.tail == "first\nsecond"
    assert report.trouble.startswith("3 lines of its log are not stored: ")
    assert "AccessDenied" in report.trouble
