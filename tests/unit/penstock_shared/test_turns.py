"""How many jobs of a flow are asked for at once."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock_shared.contracts.positions import Positions
from penstock_shared.turns import next_turns


def test_the_first_turns_are_as_many_as_may_run_at_once() -> None:
    assert next_turns(500, Positions(), Positions(), 64) == list(range(64))


def test_what_was_asked_for_before_is_not_asked_for_again() -> None:
    done = Positions.of(range(0, 500, 2))

    assert next_turns(500, done, done, 4) == [1, 3, 5, 7]


def test_a_few_must_have_ended_before_more_are_asked_for() -> None:
    asked = Positions.of(range(64))

    assert next_turns(500, asked, Positions.of(range(15)), 64) == []
    assert next_turns(500, asked, Positions.of(range(16)), 64) == list(range(64, 80))


def test_of_a_few_that_may_run_at_once_each_makes_room_for_the_next() -> None:
    assert next_turns(9, Positions.of([0]), Positions.of([0]), 1) == [1]
    assert next_turns(9, Positions.of([0]), Positions(), 1) == []


@settings(deadline=None)  # a busy machine takes its time
@given(
    count=st.integers(0, 100),
    at_once=st.integers(1, 100),
    order=st.randoms(use_true_random=False),
)
def test_every_job_gets_its_turn_and_never_more_at_once(
    count: int, at_once: int, order: Random
) -> None:
    asked, ended, running = Positions(), Positions(), list[int]()
    while turns := next_turns(count, asked, ended, at_once) or running:
        if turns is not running:
            running += turns
            asked = asked.with_these(turns)
            assert len(running) <= at_once
        done = order.sample(running, order.randint(1, len(running)))
        running = [position for position in running if position not in done]
        ended = ended.with_these(done)

    assert list(ended) == list(range(count))
