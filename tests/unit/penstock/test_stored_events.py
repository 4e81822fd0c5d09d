"""The events of a log stream on disk behave like the list of ministack that they replace."""

from bisect import bisect_left
from pathlib import Path
from typing import Any

import pytest

from penstock.emulation.logs import JobLogs, StoredEvents


def events(begin: int, end: int) -> list[dict[str, Any]]:
    return [{"timestamp": n, "message": f"line {n}\n\u2028é"} for n in range(begin, end)]


@pytest.fixture
def stored(tmp_path: Path) -> StoredEvents:
    found = JobLogs(tmp_path).new()
    found.extend(events(0, 1))
    found.extend(events(1, 700))
    found.extend(events(700, 701))
    return found


def test_it_reads_as_the_list_would(stored: StoredEvents) -> None:
    expected = events(0, 701)

    assert len(stored) == 701
    assert list(stored) == expected
    assert stored[0] == expected[0]
    assert stored[-1] == expected[-1]
    assert stored[250:520] == expected[250:520]
    assert stored[690:9999] == expected[690:]
    assert bisect_left(stored, 256, key=lambda event: event["timestamp"]) == 256


def test_there_is_nothing_beyond_its_end(stored: StoredEvents) -> None:
    for index in (701, -702):
        with pytest.raises(IndexError):
            stored[index]


def test_a_saved_state_names_it_and_finds_it_again(stored: StoredEvents, tmp_path: Path) -> None:
    logs = JobLogs(tmp_path)
    saved = logs.encode(stored)
    stored.extend(events(701, 705))  # after the save, before the kill

    found = logs.decode(saved)

    assert list(found) == events(0, 701)
    found.extend(events(701, 702))
    assert list(found) == events(0, 702)


def test_a_state_that_names_none_is_left_as_it_is(tmp_path: Path) -> None:
    assert JobLogs(tmp_path).decode({"a": 1}) == {"a": 1}


def test_what_no_stream_names_is_removed(stored: StoredEvents, tmp_path: Path) -> None:
    logs = JobLogs(tmp_path)
    other = logs.new()
    other.extend(events(0, 1))

    logs.remove_all_but({stored.path})

    assert list(tmp_path.iterdir()) == [stored.path]
