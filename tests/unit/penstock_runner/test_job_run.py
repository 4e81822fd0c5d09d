"""The decisions that change the record of a job."""

from datetime import timedelta

import pytest

from penstock_runner.domain.job_run import JobRunState, key_of
from penstock_runner.use_cases.lease import Lease, is_recorded
from penstock_shared.contracts.events import JobFinished
from penstock_shared.contracts.jobs import JobResult, JobState
from penstock_shared.decisions import Result
from penstock_shared.testing.fakes import RecordingPublisher
from tests.support.builders import a_result
from tests.unit.penstock_runner.fakes import JOB_ID, TERM, Table, a_job


def result_of(lease: Lease, **given: object) -> JobResult:
    return a_result(JOB_ID, attempt=lease.attempt, **given)


def test_the_first_to_ask_gets_the_lease_with_one_write_and_no_read() -> None:
    table = Table()

    outcome = table.lease().take()

    assert outcome.applied
    assert outcome.record is not None
    assert outcome.record.state is JobRunState.LEASED
    assert outcome.record.attempt == 1
    assert outcome.record.lease_until == table.clock() + TERM
    assert table.store.calls == ["put"]


def test_a_live_lease_keeps_others_out() -> None:
    table = Table()
    table.lease("ada").take()
    table.clock.advance(seconds=9)

    outcome = table.lease("bob").take()

    assert outcome.result is Result.STALE
    assert "ada" in outcome.reason


def test_a_lease_that_ran_out_is_another_runner_s_second_attempt() -> None:
    table = Table()
    table.lease("ada").take()
    table.clock.advance(seconds=10)

    bob = table.lease("bob")

    assert bob.take().applied
    assert bob.attempt == 2


def test_an_extended_lease_lasts_longer() -> None:
    table = Table()
    ada = table.lease("ada")
    ada.take()
    table.clock.advance(seconds=9)
    assert ada.extend().applied
    table.clock.advance(seconds=9)

    assert table.lease("bob").take().result is Result.STALE


def test_a_lease_that_ran_out_but_that_nobody_took_can_still_be_extended() -> None:
    table = Table()
    ada = table.lease("ada")
    ada.take()
    table.clock.advance(minutes=5)

    assert ada.extend().applied


def test_who_lost_the_lease_cannot_extend_it() -> None:
    table = Table()
    ada, bob = table.lease("ada"), table.lease("bob")
    ada.take()
    table.clock.advance(seconds=10)
    bob.take()

    outcome = ada.extend()

    assert outcome.result is Result.STALE
    assert "bob has attempt 2" in outcome.reason


def test_the_late_result_of_a_dead_attempt_is_ignored() -> None:
    table = Table()
    ada, bob = table.lease("ada"), table.lease("bob")
    ada.take()
    table.clock.advance(seconds=10)
    bob.take()

    late = ada.finish(result_of(ada, state=JobState.FAILED))
    assert late.result is Result.STALE
    assert table.publisher.said == []

    assert bob.finish(result_of(bob)).applied
    assert [said.result.attempt for said in table.publisher.only(JobFinished)] == [2]


def test_a_late_result_after_the_job_finished_changes_nothing() -> None:
    table = Table()
    ada, bob = table.lease("ada"), table.lease("bob")
    ada.take()
    table.clock.advance(seconds=10)
    bob.take()
    bob.finish(result_of(bob))

    late = ada.finish(result_of(ada, state=JobState.FAILED))

    assert late.result is Result.ALREADY_DONE
    assert [said.result.state for said in table.publisher.only(JobFinished)] == [JobState.SUCCEEDED]


def test_a_result_is_ignored_when_the_record_is_gone() -> None:
    """The emulator was killed, and restarted with its state of a second before."""
    table = Table()
    ada = table.lease("ada")
    ada.take()
    table.store.items.clear()

    assert ada.extend().result is Result.STALE
    assert ada.finish(result_of(ada)).result is Result.STALE
    assert table.publisher.said == []


def test_a_result_that_was_recorded_but_not_said_is_said_by_whoever_comes_next() -> None:
    table = Table()
    ada = table.lease("ada")
    ada.take()
    table.publisher.fails = ConnectionError("no SNS")
    with pytest.raises(ConnectionError):
        ada.finish(result_of(ada))
    table.publisher.fails = None

    outcome = table.lease("bob").take()

    assert outcome.result is Result.ALREADY_DONE
    assert table.publisher.types() == ["job-finished"]


def test_saying_it_again_has_the_same_id() -> None:
    table = Table()
    ada = table.lease("ada")
    ada.take()
    ada.finish(result_of(ada))
    (first,) = table.publisher.said
    table.store.items.clear()
    table.publisher = RecordingPublisher()
    bob = table.lease("bob")
    bob.take()
    bob.finish(result_of(bob, state=JobState.FAILED))

    assert [said.id for said in table.publisher.said] == [first.id]


def test_a_job_that_was_given_back_can_be_taken_at_once() -> None:
    table = Table()
    ada, bob = table.lease("ada"), table.lease("bob")
    ada.take()
    assert ada.release().applied

    assert bob.take().applied
    assert bob.attempt == 2


def test_giving_back_is_no_death() -> None:
    table = Table()
    for _ in range(10):
        lease = table.lease()
        lease.take()
        lease.release()

    assert table.lease().take().applied


def test_a_job_whose_runners_keep_dying_is_lost_without_being_run_again() -> None:
    table = Table()
    for name in ("ada", "bob", "eve"):
        assert table.lease(name).take().applied
        table.clock.advance(seconds=10)

    outcome = table.lease("joe").take()

    assert outcome.applied
    assert outcome.record is not None
    assert outcome.record.state is JobRunState.FINISHED
    (said,) = table.publisher.only(JobFinished)
    assert said.result.state is JobState.LOST
    assert said.result.attempt == 3
    assert said.result.reason == "its runner died 3 times while it ran, the last time eve"
    assert said.result.finished_at - said.result.started_at == timedelta(seconds=10)


def test_a_claim_whose_answer_was_lost_is_not_somebody_else_s() -> None:
    """boto3 repeats a write that timed out, and its own first try makes the second fail."""
    table = Table()
    table.lease("ada").take()

    again = table.lease("ada").take()

    assert again.applied
    assert again.record is not None
    assert again.record.attempt == 1


def test_it_is_told_when_a_result_is_out() -> None:
    table = Table()
    ada = table.lease("ada")
    ada.take()

    assert is_recorded(ada.finish(result_of(ada)))
    assert is_recorded(ada.finish(result_of(ada)))
    assert key_of(a_job()) in table.store.items
