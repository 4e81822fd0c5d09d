"""From a leased job to its result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock_runner.domain.environment import Host
from penstock_runner.domain.interruption import StopCause, StopSignal
from penstock_runner.domain.masking import Mask
from penstock_runner.domain.ports import Command, Kept
from penstock_runner.domain.results import Ending, LogReport
from penstock_runner.errors import JobError, JobInterruptedError
from penstock_runner.use_cases.lease import Lease
from penstock_runner.use_cases.run_job import RunJob
from penstock_runner.use_cases.share_folders import ShareFolders
from penstock_shared.contracts.jobs import Job, JobOutput, JobResult, JobState
from tests.support.builders import FLOW_ID, NOW, SHA, a_checkout, an_output
from tests.unit.penstock_runner.fakes import JOB_ID, FakeFolderStore, FakeWorkshop, Table, a_job

SUCCEEDED = Ending(JobState.SUCCEEDED, 0)
FAILED = Ending(JobState.FAILED, 3, "exit code 3")


@dataclass
class FakeShell:
    """Runs nothing, and returns a given ending."""

    ending: Ending = SUCCEEDED
    raises: Exception | None = None
    output: bytes = b"some output\n"
    ran: list[Command] = field(default_factory=list)

    def run(self, command: Command, write: Callable[[bytes], None], stop: StopSignal) -> Ending:
        self.ran.append(command)
        write(self.output)
        if self.raises:
            raise self.raises
        return self.ending


@dataclass
class FakeLog:
    """Records output, and returns a given report."""

    report: LogReport = field(default_factory=LogReport)
    opened: list[tuple[str, str]] = field(default_factory=list)
    masks: list[Mask | None] = field(default_factory=list)
    written: bytes = b""

    def open(self, stream: str, command: str, mask: Mask | None) -> "FakeLog":
        self.opened.append((stream, command))
        self.masks.append(mask)
        return self

    def write(self, output: bytes) -> None:
        self.written += output

    def close(self) -> LogReport:
        return self.report


@dataclass
class FakeSecrets:
    """Gives each job the values of its variables, or refuses."""

    values: dict[str, str] = field(default_factory=dict)
    raises: Exception | None = None
    asked: int = 0

    def values_of(self, job: Job) -> Mapping[str, str]:
        self.asked += 1
        if self.raises:
            raise self.raises
        return {variable: self.values[name] for variable, name in job.secrets.items()}


@dataclass
class FakeMachine:
    """Everything that RunJob needs, faked."""

    workshop: FakeWorkshop
    shell: FakeShell = field(default_factory=FakeShell)
    secrets: FakeSecrets = field(default_factory=FakeSecrets)
    log: FakeLog = field(default_factory=FakeLog)
    store: FakeFolderStore = field(default_factory=FakeFolderStore)
    table: Table = field(default_factory=Table)

    def lease(self, **job: Any) -> Lease:
        lease = self.table.lease(job=a_job(**job))
        lease.take()
        self.table.clock.advance(seconds=5)
        return lease

    def run(self, lease: Lease | None = None) -> JobResult | None:
        host = Host(
            "/a/bin:/usr/bin", "/a/bin/python", {"UV_INDEX": "an index", "CI": "no"}, "tools"
        )
        share = ShareFolders(self.store, self.workshop, self.shell, host, lambda: True)
        run_job = RunJob(
            self.workshop, self.shell, self.secrets, self.log.open, host, self.table.clock, share
        )
        return run_job(lease or self.lease())

    def result(self, lease: Lease | None = None) -> JobResult:
        result = self.run(lease)
        assert result is not None
        return result


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(FakeWorkshop(tmp_path))


def test_a_result_tells_all_of_an_attempt(machine: FakeMachine) -> None:
    output: JobOutput = an_output("bundle", "key")
    machine.workshop.kept = Kept([output])
    machine.log.report = LogReport("a/stream/1", "the end")

    result = machine.result(machine.lease(run="make"))

    assert (result.job_id, result.owner, result.name) == (JOB_ID, "build", "unit")
    assert (result.record, result.component, result.attempt) == (FLOW_ID, "orders", 1)
    assert (result.state, result.exit_code, result.reason) == (JobState.SUCCEEDED, 0, "")
    assert (result.command, result.tail, result.log_stream) == ("make", "the end", "a/stream/1")
    assert result.outputs == (output,)
    assert result.finished_at - result.started_at == timedelta(seconds=5)
    assert machine.log.opened == [(f"check/{FLOW_ID}/{JOB_ID}/1", "make")]
    assert machine.log.written == b"some output\n"


def test_a_command_gets_an_environment_of_its_own(machine: FakeMachine, tmp_path: Path) -> None:
    machine.run(machine.lease(run="make", timeout=7, variables={"MODE": "fast", "LANG": "de"}))

    (command,) = machine.shell.ran
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


def environment_with(machine: FakeMachine, **job: Any) -> dict[str, str]:
    machine.run(machine.lease(**job))
    return dict(machine.shell.ran[-1].environment)


def test_a_job_of_a_pull_request_is_told_its_number_and_a_tag_is_no_branch(
    machine: FakeMachine,
) -> None:
    source = a_checkout(ref="refs/pull/7/merge", pull_request=7)
    environment = environment_with(machine, source=source)

    assert environment["PENSTOCK_PULL_REQUEST"] == "7"
    assert environment["PENSTOCK_REF"] == "refs/pull/7/merge"
    assert "PENSTOCK_BRANCH" not in environment


def test_a_deployment_s_job_is_told_its_environment_and_token(machine: FakeMachine) -> None:
    environment = environment_with(machine, environment="staging", token=12)

    assert environment["PENSTOCK_ENVIRONMENT"] == "staging"
    assert environment["PENSTOCK_DEPLOYMENT_TOKEN"] == "12"


def test_what_cannot_be_prepared_fails_with_the_reason(machine: FakeMachine) -> None:
    machine.workshop.raises = JobError("source: HTTP 403")

    result = machine.result()

    assert (result.state, result.exit_code) == (JobState.FAILED, None)
    assert result.reason == "source: HTTP 403"


def test_a_job_that_leaves_no_required_output_has_failed(machine: FakeMachine) -> None:
    output = an_output("report", "key")
    machine.workshop.kept = Kept([output], ["the command left no bundle.zip"])

    result = machine.result()

    assert (result.state, result.exit_code) == (JobState.FAILED, 0)
    assert result.reason == "the command left no bundle.zip"
    assert result.outputs == (output,)


def test_a_failing_command_s_reports_are_kept_and_its_own_failure_is_told(
    machine: FakeMachine,
) -> None:
    machine.shell.ending = FAILED
    machine.workshop.kept = Kept([an_output("report", "key")], ["the command left no bundle.zip"])

    result = machine.result()

    assert (result.state, result.exit_code, result.reason) == (JobState.FAILED, 3, "exit code 3")
    assert len(result.outputs) == 1


def test_a_command_that_timed_out_leaves_nothing_to_trust(machine: FakeMachine) -> None:
    machine.shell.ending = Ending(JobState.TIMED_OUT, reason="timed out after 60 s")

    result = machine.result()

    assert (result.state, result.exit_code) == (JobState.TIMED_OUT, None)
    assert not machine.workshop.asked_to_keep


def test_trouble_with_the_log_fails_nothing_but_is_told(machine: FakeMachine) -> None:
    machine.log.report = LogReport("a/stream/1", "", "3 lines of its log are not stored: no")

    result = machine.result()

    assert result.state is JobState.SUCCEEDED
    assert result.reason == "3 lines of its log are not stored: no"


def test_a_cancelled_job_says_who_cancelled_it(machine: FakeMachine) -> None:
    lease = machine.lease()
    lease.stop.give(StopCause.CANCELLED, "flow aborted by ada")
    machine.shell.raises = JobInterruptedError("flow aborted by ada")

    result = machine.result(lease)

    assert (result.state, result.reason) == (JobState.CANCELLED, "flow aborted by ada")


@pytest.mark.parametrize("why", [StopCause.LEASE_LOST, StopCause.SHUTDOWN])
def test_a_job_that_is_to_run_again_has_no_result(machine: FakeMachine, why: StopCause) -> None:
    lease = machine.lease()
    lease.stop.give(why, "whatever")
    machine.shell.raises = JobInterruptedError("whatever")

    assert machine.run(lease) is None


def test_endless_texts_do_not_travel(machine: FakeMachine) -> None:
    machine.workshop.raises = JobError("x" * 100_000)

    result = machine.result(machine.lease(run="y" * 100_000))

    assert len(result.reason) == len(result.command) == 4000


MISSING = b"sh: 1: cannot open ../../scripts/build.sh: No such file\n"
HINT = (
    "penstock: only the inputs of orders are here: apps/orders, libs/**. Name what is missing in "
    "its `watch` in penstock.yml\n"
)


@pytest.mark.parametrize(
    ("inputs", "output", "ending", "hinted"),
    [
        (("apps/orders", "libs/**"), MISSING, FAILED, True),
        ((), MISSING, FAILED, False),
        (("apps/orders", "libs/**"), MISSING, SUCCEEDED, False),
        (("apps/orders", "libs/**"), b"2 tests failed\n", FAILED, False),
    ],
)
def test_a_job_that_misses_a_file_is_told_which_files_it_has(
    machine: FakeMachine, inputs: tuple[str, ...], output: bytes, ending: Ending, hinted: bool
) -> None:
    machine.shell = FakeShell(ending, output=output)

    machine.run(machine.lease(source=a_checkout(inputs=inputs)))

    assert machine.log.written == output + (HINT.encode() if hinted else b"")


def test_a_job_finds_its_secrets_in_its_environment(machine: FakeMachine) -> None:
    machine.secrets.values = {"API_KEY": "s3cret value"}
    machine.run(machine.lease(variables={"MODE": "fast"}, secrets={"KEY": "API_KEY"}))
    (command,) = machine.shell.ran
    assert (command.environment["KEY"], command.environment["MODE"]) == ("s3cret value", "fast")
    assert machine.log.masks[0] is not None


def test_a_job_without_secrets_asks_for_none_and_masks_nothing(machine: FakeMachine) -> None:
    machine.run()
    assert (machine.secrets.asked, machine.log.masks) == (0, [None])


def test_a_job_whose_secret_is_missing_fails_before_it_has_a_source(machine: FakeMachine) -> None:
    machine.secrets.raises = JobError("acme/shop has no secret API_KEY")
    result = machine.result(machine.lease(secrets={"KEY": "API_KEY"}))
    assert (result.state, result.reason) == (JobState.FAILED, "acme/shop has no secret API_KEY")
    assert (machine.shell.ran, machine.log.opened) == ([], [])


def test_no_text_of_a_result_has_a_secret(machine: FakeMachine) -> None:
    machine.secrets.values = {"API_KEY": "s3cret value"}
    machine.shell.raises = JobError("no folder s3cret value")
    result = machine.result(machine.lease(run="echo s3cret value", secrets={"KEY": "API_KEY"}))
    assert (result.reason, result.command) == ("no folder ***", "echo ***")


def test_a_result_says_with_which_tools_it_was_made(machine: FakeMachine) -> None:
    assert machine.result().toolchain == "tools"
