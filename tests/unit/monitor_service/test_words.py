"""Times and axes, as the page shows them."""

from datetime import timedelta

import pytest

from monitor_service.web.flow.timeline import NARROWEST, Axis
from monitor_service.web.words import ago, clock_time, full_time, lasted, span
from tests.unit.monitor_service.stories import at


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 ms"),
        (0.42, "420 ms"),
        (3, "3 s"),
        (3.25, "3.2 s"),
        (59.97, "1 min 00 s"),
        (64, "1 min 04 s"),
        (7500, "2 h 05 min"),
        (200000, "2 d 7 h"),
    ],
)
def test_a_length_of_time_has_at_most_two_units(seconds: float, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "now"), (40, "40 s ago"), (200, "3 min ago"), (9000, "2 h ago"), (200000, "2 d ago")],
)
def test_what_is_long_ago_has_one_unit(seconds: float, words: str) -> None:
    assert ago(at(0), at(seconds)) == words


def test_moments_are_utc() -> None:
    assert (clock_time(at(0)), full_time(at(0))) == ("03:04:05", "2026-01-02 03:04:05 UTC")
    assert lasted(None, None, at(0)) == ""


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [
        (0.1, []),
        (1, ["200 ms", "400 ms", "600 ms", "800 ms"]),
        (12, ["2 s", "4 s", "6 s", "8 s", "10 s"]),
        (300, ["1 min 00 s", "2 min 00 s", "3 min 00 s", "4 min 00 s"]),
    ],
)
def test_ticks_stand_at_round_times(seconds: float, labels: list[str]) -> None:
    assert [tick.label for tick in Axis(at(0), seconds).ticks()] == labels


@pytest.mark.parametrize("seconds", [0.1, 7, 100, 5000, 86400, 90 * 86400])
def test_ticks_are_few_and_their_labels_stay_inside(seconds: float) -> None:
    ticks = list(Axis(at(0), seconds).ticks())
    assert len(ticks) <= 6
    assert all(0 < tick.left < 93 for tick in ticks)


def test_bars_stay_on_the_axis_and_can_be_seen() -> None:
    axis = Axis(at(0), 10)
    bars = [
        axis.bar(at(began), at(ended), "running")
        for began, ended in ((0, 10), (5, 5), (10, 10), (-5, 20), (9.99, 9.991))
    ]
    for bar in bars:
        assert bar is not None
        assert bar.left >= 0
        assert bar.width >= NARROWEST
        assert bar.left + bar.width <= 100
    assert axis.bar(None, at(1), "waiting") is None
