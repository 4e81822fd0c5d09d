"""The limit of workers of a function in the embedded stack."""

import pytest

from penstock.emulation.functions import CROWD_PATIENCE, WORKER_PATIENCE, workers_allowed


@pytest.mark.parametrize(
    ("waited", "allowed"),
    [
        (0.0, 1),
        (WORKER_PATIENCE, 4),
        (CROWD_PATIENCE - 1.1, 4),
        (CROWD_PATIENCE, 5),
        (CROWD_PATIENCE + 0.9, 5),
        (CROWD_PATIENCE + 1.0, 6),
        (CROWD_PATIENCE + 9.0, 14),
    ],
)
def test_patience_buys_a_worker_for_each_core_and_then_one_a_second(
    waited: float, allowed: int
) -> None:
    assert workers_allowed(waited, cores=4) == allowed
