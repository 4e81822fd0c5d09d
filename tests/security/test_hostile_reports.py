"""A gate's report is read without harm, and only if it is the report of that gate.

The attacks: a job, of a fork too, leaves a coverage report of 20 MB of empty elements, which the
limit allowed. Parsed it took 503 MB, and the function has 512: Lambda kills it with the whole
batch, and the results of other flows in it are given up after five such tries. A report of 250 MB
was read before anybody looked at its size. A runner of trust `check` names another flow's run, and
a key of its choice, in the result of its own job: the object was fetched for that run. And a report
was opened without its SHA-256, so that whoever could write to the bucket chose its number.
"""

import tracemalloc

import pytest

from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.events import FlowFailed, JobFinished, TestsPassed
from penstock_shared.contracts.jobs import Job
from penstock_shared.decisions import Result
from penstock_shared.jobs import report_name
from test_runner_service.domain.coverage import LARGEST_REPORT, line_rate
from test_runner_service.use_cases.record_job import RecordGateJob
from tests.support.builders import (
    BELIEVED,
    OTHER_FLOW_ID,
    PROOFS,
    a_cause,
    an_event,
    an_output,
    covered_gate,
)
from tests.unit.test_runner_service.test_gates import FakeTestRunner, result_of

MEGABYTE = 1 << 20


@pytest.fixture
def fake() -> FakeTestRunner:
    fake = FakeTestRunner()
    fake.start(covered_gate(80))
    return fake


def the_job(fake: FakeTestRunner) -> Job:
    (job,) = fake.jobs()
    return job


def test_a_report_of_many_elements_takes_no_memory() -> None:
    report = b'<coverage line-rate="0.9">' + b"<a/>" * MEGABYTE + b"</coverage>"
    tracemalloc.start()
    try:
        assert line_rate(report, "coverage.xml") == pytest.approx(90)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(report)


def test_a_report_that_is_too_large_is_not_even_read(fake: FakeTestRunner) -> None:
    job = the_job(fake)
    (upload,) = job.outputs
    large = an_output(report_name(0), upload.key).model_copy(update={"size": LARGEST_REPORT + 1})

    fake.finish(job, outputs=(large,))  # there is no such object, so reading it would raise

    (failed,) = fake.said.only(FlowFailed)
    assert "the limit is" in failed.reason


def test_a_report_that_was_replaced_after_its_job_fails_the_gate(fake: FakeTestRunner) -> None:
    job = the_job(fake)
    (upload,) = job.outputs
    fake.objects.put(upload.key, b'<coverage line-rate="1"/>')

    fake.finish(job, outputs=(an_output(upload.name, upload.key),))

    (failed,) = fake.said.only(FlowFailed)
    assert f"the object {upload.key} is not the one that was meant" in failed.reason


def test_the_result_of_another_job_has_no_report_read_for_this_run(fake: FakeTestRunner) -> None:
    own = "7" * 20
    outputs = (an_output(report_name(0), "reports/check/chosen.xml"),)
    result = result_of(the_job(fake), outputs=outputs).model_copy(
        update={"job_id": own, "trust": Trust.CHECK}
    )
    proof = PROOFS.proof_of(OTHER_FLOW_ID, own, Trust.CHECK)
    said = an_event(JobFinished(result=result, proof=proof), OTHER_FLOW_ID)
    record = RecordGateJob(
        fake.records, fake.objects, fake.plans, fake.verdicts, BELIEVED, fake.clock
    )

    outcome = record([said], a_cause(OTHER_FLOW_ID))

    assert outcome.result is Result.STALE
    assert fake.said.only(TestsPassed) == []
