"""Orders to stop, from any thread."""

import pytest

from penstock_runner.domain.interruption import Shutdown, StopCause, StopOrder, StopSignal
from penstock_runner.errors import JobInterruptedError


def test_the_first_order_counts() -> None:
    signal = StopSignal()

    signal.give(StopCause.CANCELLED, "aborted")
    signal.give(StopCause.SHUTDOWN, "bye")

    assert signal.order == StopOrder(StopCause.CANCELLED, "aborted")


def test_listeners_hear_of_it_once_whenever_they_came() -> None:
    signal = StopSignal()
    heard: list[str] = []
    signal.listen(lambda: heard.append("early"))
    forgotten = lambda: heard.append("gone")  # noqa: E731  # it is forgotten by its identity
    signal.listen(forgotten)
    signal.forget(forgotten)

    signal.give(StopCause.CANCELLED, "aborted")
    signal.listen(lambda: heard.append("late"))

    assert heard == ["early", "late"]


def test_a_check_raises_once_there_is_an_order() -> None:
    signal = StopSignal()
    signal.check(0)
    signal.give(StopCause.CANCELLED, "aborted")

    with pytest.raises(JobInterruptedError, match="aborted"):
        signal.check(0)


def test_the_end_of_the_lease_is_an_order() -> None:
    signal = StopSignal(lease_ends=10)
    signal.check(9.9)

    with pytest.raises(JobInterruptedError, match="could not be extended"):
        signal.check(10)

    assert signal.order is not None
    assert signal.order.why is StopCause.LEASE_LOST


def test_a_shutdown_reaches_the_jobs_that_run_and_those_to_come() -> None:
    shutdown = Shutdown()
    with shutdown.signal() as running:
        shutdown.begin()
        assert running.order is not None
    with shutdown.signal() as late:
        assert late.order is not None


def test_a_lease_that_has_run_out_is_not_revived() -> None:
    stop = StopSignal(lease_ends=10.0)

    stop.hold_until(20.0, now=11.0)

    assert stop.lease_ends == 10.0
    assert stop.order is not None
    assert stop.order.why is StopCause.LEASE_LOST


def test_who_holds_by_the_lease_hears_of_its_end_and_of_every_move() -> None:
    stop = StopSignal(lease_ends=10.0)
    heard: list[float] = []

    with stop.holding(heard.append):
        stop.hold_until(20.0, now=5.0)
    stop.hold_until(30.0, now=6.0)

    assert heard == [10.0, 20.0]
