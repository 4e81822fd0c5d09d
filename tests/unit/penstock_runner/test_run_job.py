"""From a leased job to its result."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock_runner.domain.environment import Host
from penstock_runner.domain.interruption import StopCause, StopSignal
from penstock_runner.domain.ports import Command, Kept
from penstock_runner.domain.results import Ending, LogReport
from penstock_runner.errors import JobError, JobInterruptedError
from penstock_runner.use_cases.lease import Lease
from penstock_runner.use_cases.run_job import RunJob
from penstock_shared.contracts.jobs import JobOutput, JobResult, JobState
from tests.support.builders import FLOW_ID, NOW, SHA, a_checkout, an_output
from tests.unit.penstock_runner.stand_ins import JOB_ID, FakeWorkshop, Table, a_job

SUCCEEDED = Ending(JobState.SUCCEEDED, 0)
FAILED = Ending(JobState.FAILED, 3, "exit code 3")


@dataclass
class FakeShell:
    """Ends as it is told to."""

    ending: Ending = SUCCEEDED
    raises: Exception | None = None
    ran: list[Command] = field(default_factory=list)

    def run(self, command: Command, write: Callable[[bytes], None], stop: StopSignal) -> Ending:
        self.ran.append(command)
        write(b"some output\n")
        if self.raises:
            raise self.raises
        return self.ending


@dataclass
class FakeLog:
    """Gives the report it was made with."""

    report: LogReport = field(default_factory=LogReport)
    opened: list[tuple[str, str]] = field(default_factory=list)
    written: bytes = b""

    def open(self, stream: str, command: str) -> "FakeLog":
        self.opened.append((stream, command))
        return self

    def write(self, output: bytes) -> None:
        self.written += output

    def close(self) -> LogReport:
        return self.report


@dataclass
class Bench:
    """A machine of stand-ins."""

    workshop: FakeWorkshop
    shell: FakeShell = field(default_factory=FakeShell)
    log: FakeLog = field(default_factory=FakeLog)
    table: Table = field(default_factory=Table)

    def lease(self, **job: Any) -> Lease:
        lease = self.table.lease(job=a_job(**job))
        lease.take()
        self.table.clock.advance(seconds=5)
        return lease

    def run(self, lease: Lease | None = None) -> JobResult | None:
        host = Host("/a/bin:/usr/bin", "/a/bin/python", {"UV_INDEX": "an index", "CI": "no"})
        run_job = RunJob(self.workshop, self.shell, self.log.open, host, self.table.clock)
        return run_job(lease or self.lease())

    def result(self, lease: Lease | None = None) -> JobResult:
        result = self.run(lease)
        assert result is not None
        return result


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(FakeWorkshop(tmp_path))


def test_a_result_tells_all_of_an_attempt(bench: Bench) -> None:
    output: JobOutput = an_output("bundle", "key")
    bench.workshop.kept = Kept([output])
    bench.log.report = LogReport("a/stream/1", "the end")

    result = bench.result(bench.lease(run="make"))

    assert (result.job_id, result.owner, result.name) == (JOB_ID, "build", "unit")
    assert (result.record, result.component, result.attempt) == (FLOW_ID, "orders", 1)
    assert (result.state, result.exit_code, result.reason) == (JobState.SUCCEEDED, 0, "")
    assert (result.command, result.tail, result.log_stream) == ("make", "the end", "a/stream/1")
    assert result.outputs == (output,)
    assert result.finished_at - result.started_at == timedelta(seconds=5)
    assert bench.log.opened == [(f"{FLOW_ID}/{JOB_ID}/1", "make")]
    assert bench.log.written == b"some output\n"


def test_a_command_gets_an_environment_of_its_own(bench: Bench, tmp_path: Path) -> None:
    bench.run(bench.lease(run="make", timeout=7, variables={"MODE": "fast", "LANG": "de"}))

    (command,) = bench.shell.ran
    assert (command.script, command.folder, command.timeout) == ("make", tmp_path, 7)
    assert command.environment == {
        "PATH": "/a/bin:/usr/bin",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "LANG": "de",
        "CI": "true",
        "COLUMNS": "120",
        "FORCE_COLOR": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "TERM": "xterm-256color",
        "PENSTOCK_PYTHON": "/a/bin/python",
        "PENSTOCK_FLOW_ID": FLOW_ID,
        "PENSTOCK_JOB_ID": JOB_ID,
        "PENSTOCK_JOB_NAME": "unit",
        "PENSTOCK_COMPONENT": "orders",
        "PENSTOCK_ATTEMPT": "1",
        "PENSTOCK_SOURCE": str(tmp_path),
        "PENSTOCK_REPOSITORY": "acme/shop",
        "PENSTOCK_REF": "refs/heads/main",
        "PENSTOCK_BRANCH": "main",
        "PENSTOCK_SHA": SHA,
        "SOURCE_DATE_EPOCH": str(int(NOW.timestamp())),
        "UV_INDEX": "an index",
        "MODE": "fast",
    }


def environment_with(bench: Bench, **job: Any) -> dict[str, str]:
    bench.run(bench.lease(**job))
    return dict(bench.shell.ran[-1].environment)


def test_a_job_of_a_pull_request_is_told_its_number_and_a_tag_is_no_branch(bench: Bench) -> None:
    source = a_checkout(ref="refs/pull/7/merge", pull_request=7)
    environment = environment_with(bench, source=source)

    assert environment["PENSTOCK_PULL_REQUEST"] == "7"
    assert environment["PENSTOCK_REF"] == "refs/pull/7/merge"
    assert "PENSTOCK_BRANCH" not in environment


def test_a_deployment_s_job_is_told_its_environment_and_token(bench: Bench) -> None:
    environment = environment_with(bench, environment="staging", token=12)

    assert environment["PENSTOCK_ENVIRONMENT"] == "staging"
    assert environment["PENSTOCK_DEPLOYMENT_TOKEN"] == "12"


def test_what_cannot_be_prepared_fails_with_the_reason(bench: Bench) -> None:
    bench.workshop.raises = JobError("source: HTTP 403")

    result = bench.result()

    assert (result.state, result.exit_code) == (JobState.FAILED, None)
    assert result.reason == "source: HTTP 403"


def test_a_job_that_leaves_no_required_output_has_failed(bench: Bench) -> None:
    output = an_output("report", "key")
    bench.workshop.kept = Kept([output], ["the command left no bundle.zip"])

    result = bench.result()

    assert (result.state, result.exit_code) == (JobState.FAILED, 0)
    assert result.reason == "the command left no bundle.zip"
    assert result.outputs == (output,)


def test_a_failing_command_s_reports_are_kept_and_its_own_failure_is_told(bench: Bench) -> None:
    bench.shell.ending = FAILED
    bench.workshop.kept = Kept([an_output("report", "key")], ["the command left no bundle.zip"])

    result = bench.result()

    assert (result.state, result.exit_code, result.reason) == (JobState.FAILED, 3, "exit code 3")
    assert len(result.outputs) == 1


def test_a_command_that_timed_out_leaves_nothing_to_trust(bench: Bench) -> None:
    bench.shell.ending = Ending(JobState.TIMED_OUT, reason="timed out after 60 s")

    result = bench.result()

    assert (result.state, result.exit_code) == (JobState.TIMED_OUT, None)
    assert not bench.workshop.asked_to_keep


def test_trouble_with_the_log_fails_nothing_but_is_told(bench: Bench) -> None:
    bench.log.report = LogReport("a/stream/1", "", "3 lines of its log are not stored: no")

    result = bench.result()

    assert result.state is JobState.SUCCEEDED
    assert result.reason == "3 lines of its log are not stored: no"


def test_a_cancelled_job_says_who_cancelled_it(bench: Bench) -> None:
    lease = bench.lease()
    lease.stop.give(StopCause.CANCELLED, "flow aborted by ada")
    bench.shell.raises = JobInterruptedError("flow aborted by ada")

    result = bench.result(lease)

    assert (result.state, result.reason) == (JobState.CANCELLED, "flow aborted by ada")


@pytest.mark.parametrize("why", [StopCause.LEASE_LOST, StopCause.SHUTDOWN])
def test_a_job_that_is_to_run_again_has_no_result(bench: Bench, why: StopCause) -> None:
    lease = bench.lease()
    lease.stop.give(why, "whatever")
    bench.shell.raises = JobInterruptedError("whatever")

    assert bench.run(lease) is None


def test_endless_texts_do_not_travel(bench: Bench) -> None:
    bench.workshop.raises = JobError("x" * 100_000)

    result = bench.result(bench.lease(run="y" * 100_000))

    assert len(result.reason) == len(result.command) == 4000
