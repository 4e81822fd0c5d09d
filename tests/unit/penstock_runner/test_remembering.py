"""The holder of a lease writes without reading first."""

from penstock_runner.use_cases.lease import Lease
from penstock_shared.decisions import Result
from penstock_shared.persistence.remembering import RememberingRecords
from tests.support.builders import a_result
from tests.unit.penstock_runner.fakes import JOB_ID, Table


def remembering(table: Table, runner: str) -> Lease:
    lease = table.lease(runner)
    lease.records = RememberingRecords(table.store, table.publisher, "penstock/runner", table.clock)
    return lease


def test_a_job_costs_two_writes_and_a_clear() -> None:
    table = Table()
    lease = remembering(table, "ada")

    lease.take()
    lease.finish(a_result(JOB_ID))

    assert table.store.calls == ["put", "put", "clear"]


def test_each_extension_is_one_write_more() -> None:
    table = Table()
    lease = remembering(table, "ada")

    lease.take()
    lease.extend()
    lease.extend()
    lease.finish(a_result(JOB_ID))

    assert table.store.calls == ["put", "put", "put", "put", "clear"]


def test_an_outdated_memory_is_found_out() -> None:
    table = Table()
    ada, bob = remembering(table, "ada"), remembering(table, "bob")
    ada.take()
    table.clock.advance(seconds=10)
    bob.take()

    assert ada.finish(a_result(JOB_ID)).result is Result.STALE
    assert table.publisher.said == []
