"""Following a flow, and the lines that describe it."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from penstock.connection import embedded
from penstock.following import Follower, PatienceError, settled
from penstock.words import ago, colour_of, lasted, mark_of, span
from tests.unit.penstock.commands.fake_stack import FakeStack, a_flow, a_job, a_phase

A = "a" * 20


def a_terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setenv("FORCE_COLOR", "1")
    return a_terminal()


def shown(screen: Console) -> str:
    text: Any = screen.file
    return str(text.getvalue())


def test_a_terminal_shows_the_flow_as_it_is(screen: Console, stack: FakeStack, home: Any) -> None:
    stack.flows = {A: a_flow(A)}
    done = a_flow(A, "succeeded")
    stack.moves = [lambda: None, lambda: stack.flows.update({A: done})]
    assert Follower(embedded(home).api, screen).follow(A)["state"] == "succeeded"
    assert "running" in shown(screen)
    assert "succeeded" in shown(screen)


def test_a_flow_that_has_just_been_pushed_is_waited_for(stack: FakeStack, home: Any) -> None:
    done = a_flow(A, "succeeded")
    stack.moves = [lambda: None, lambda: stack.flows.update({A: done})]
    follower = Follower(embedded(home).api, Console(quiet=True), patience=30)
    assert follower.follow(A)["state"] == "succeeded"


def test_patience_ends(stack: FakeStack, home: Any) -> None:
    follower = Follower(embedded(home).api, Console(quiet=True), patience=0.1)
    with pytest.raises(PatienceError, match=r"still not known after 0.1 s"):
        follower.follow(A)
    stack.flows = {A: a_flow(A)}
    with pytest.raises(PatienceError, match=r"still running after 0.1 s"):
        follower.follow(A)


def test_a_stopped_flow_is_followed_until_its_environments_are_back(
    stack: FakeStack, home: Any
) -> None:
    ended = datetime.now(UTC).isoformat()
    undoing = a_flow(A, "aborted", finished_at=ended, undoing=True)
    stack.flows = {A: undoing}
    done = {**undoing, "undoing": False}
    stack.moves = [lambda: None, lambda: stack.flows.update({A: done})]
    follower = Follower(embedded(home).api, Console(quiet=True), patience=30)
    assert follower.follow(A, settled) == done


def test_an_environment_of_which_nothing_is_heard_is_waited_for_no_longer() -> None:
    silent: Any = a_flow(A, "failed", undoing=True)  # it ended long ago
    assert settled(silent)
    running = a_phase("staging", "failed", a_job(state="running"))
    at_work: Any = a_flow(A, "failed", undoing=True, phases=[running])
    assert not settled(at_work)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 ms"),
        (0.42, "420 ms"),
        (3.25, "3.2 s"),
        (59.97, "1 min 00 s"),
        (64, "1 min 04 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_a_length_of_time_has_at_most_two_units(seconds: float, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s ago"), (40, "40 s ago"), (200, "3 min ago"), (9000, "2 h ago"), (200000, "2 d ago")],
)
def test_what_is_long_ago_has_one_unit(seconds: float, words: str) -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert ago((now - timedelta(seconds=seconds)).isoformat(), now) == words


def test_what_has_not_begun_has_not_lasted() -> None:
    assert lasted(None, None, datetime(2026, 1, 2, tzinfo=UTC)) == ""


def test_a_state_of_a_newer_version_has_a_sign_too() -> None:
    assert (mark_of("teleported"), colour_of("teleported")) == ("?", "default")
