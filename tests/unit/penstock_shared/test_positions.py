"""Sets of positions."""

from hypothesis import given
from hypothesis import strategies as st

from penstock_shared.contracts.positions import Positions

NUMBERS = st.frozensets(st.integers(0, 2000))


@given(NUMBERS, NUMBERS)
def test_a_set_holds_what_was_put_in_and_nothing_else(
    first: frozenset[int], more: frozenset[int]
) -> None:
    both = Positions.of(first).with_these(more)

    assert list(both) == sorted(first | more)
    assert len(both) == len(first | more)
    assert all((number in both) == (number in first | more) for number in range(50))


def test_it_is_a_bit_each_when_written() -> None:
    assert Positions.of(range(1500)).bits == "f" * 375
    assert Positions().bits == "0"
