"""`penstock up` and `down` of a whole stack, in its own folder."""

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock.embedded import Report, Stack, down, up
from penstock.embedded.emulator import NAME
from penstock.embedded.home import Home
from penstock.embedded.processes import Process, ProcessBook
from penstock.embedded.waiting import wait_until
from penstock.project import VENV_BIN
from tests.support.emulator import wait_for_a_save

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PROCESSES = {
    "emulator",
    "git",
    "runner-release-1",
    "runner-release-2",
    "runner-check-1",
    "runner-fork-1",
}
MARK = {"id": {"S": "mark"}}


class RecordingReport(Report):
    """Records the reported lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        self.lines.append(text)
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("up"))
    up(home.folder)
    yield home
    down(home.folder, forget=True)


@pytest.fixture
def stack(home: Home) -> Stack:
    """The stack, repaired if the previous test has broken it."""
    return up(home.folder)


def book_of(home: Home) -> ProcessBook:
    return ProcessBook(home.processes_file, home.logs)


def kill(process: Process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    assert wait_until(lambda: not process.is_alive(), 10)


def leave_a_mark(stack: Stack) -> None:
    stack.client("dynamodb").put_item(TableName=stack.tables["builds"], Item=MARK)


def mark_is_there(stack: Stack) -> bool:
    return "Item" in stack.client("dynamodb").get_item(TableName=stack.tables["builds"], Key=MARK)


def status_of(request: urllib.request.Request | str) -> int:
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_stack_file_says_what_there_is(home: Home, stack: Stack) -> None:
    assert Stack.load(home.folder) == stack
    assert {"abort-release", "build-requested", "job-finished"} <= stack.topics.keys()
    assert {
        "jobs-release",
        "jobs-check-dlq",
        "jobs-fork",
        "build",
        "monitor",
    } <= stack.queues.keys()
    assert {
        "builds",
        "test-runs",
        "deployments",
        "releases",
        "flows",
        "jobs",
    } <= stack.tables.keys()
    assert stack.processes.keys() == PROCESSES


def test_everything_listens_on_loopback(stack: Stack) -> None:
    addresses = (stack.endpoint_url, stack.api_url, stack.page_url, stack.webhook_url)
    assert all(address.startswith("http://127.0.0.1:") for address in addresses)


def test_the_addresses_work_as_they_are(stack: Stack) -> None:
    of_nobody = urllib.request.Request(f"{stack.webhook_url}/{'0' * 20}", b"{}")
    assert status_of(stack.page_url) == 200
    assert status_of(f"{stack.api_url}/flows") == 200
    assert status_of(of_nobody) == 404


def test_a_second_up_says_that_it_runs_already(home: Home, stack: Stack) -> None:
    notes = RecordingReport()

    again = up(home.folder, report=notes)

    assert again == stack
    assert notes.lines[-1] == "The stack runs already."


def test_a_killed_emulator_comes_back_with_its_state(home: Home, stack: Stack) -> None:
    leave_a_mark(stack)
    wait_for_a_save(home)
    kill(book_of(home).alive()[NAME])

    again = up(home.folder)

    assert again.endpoint_url == stack.endpoint_url
    assert mark_is_there(again)
    assert again.processes["emulator"] != stack.processes["emulator"]
    assert again.processes["runner-release-1"] == stack.processes["runner-release-1"]


def test_a_killed_runner_is_replaced(home: Home, stack: Stack) -> None:
    kill(book_of(home).alive()["runner-release-2"])

    again = up(home.folder)

    assert again.processes.keys() == PROCESSES
    assert again.processes["runner-release-2"] != stack.processes["runner-release-2"]
    assert again.processes["runner-release-1"] == stack.processes["runner-release-1"]


def test_down_stops_everything_and_up_finds_it_again(home: Home, stack: Stack) -> None:
    leave_a_mark(stack)
    processes = book_of(home).all()

    down(home.folder)

    assert not any(process.is_alive() for process in processes.values())
    assert not home.stack_file.exists()
    assert mark_is_there(up(home.folder))


def test_down_is_harmless_when_nothing_runs(tmp_path: Path) -> None:
    notes = RecordingReport()

    down(tmp_path, notes)

    assert notes.lines == ["No stack runs."]


def test_an_interrupted_up_leaves_no_process(tmp_path: Path) -> None:
    home = Home(tmp_path)
    command = [str(VENV_BIN / "penstock"), "up", "--home", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as rising:
        assert wait_until(lambda: bool(book_of(home).alive()), 60)
        started = book_of(home).all()
        rising.send_signal(signal.SIGINT)
        assert rising.wait(60) != 0

    assert not any(process.is_alive() for process in started.values())
    assert book_of(home).alive() == {}
    assert not home.stack_file.exists()


def test_what_a_crash_left_does_not_block_the_next_up(home: Home, stack: Stack) -> None:
    for process in book_of(home).alive().values():
        kill(process)
    (home.folder / ".stack.json.1").write_text("{")
    home.processes_file.write_text(json.dumps({"emulator": {"pid": 1, "started": "long ago"}}))

    assert up(home.folder).endpoint_url == stack.endpoint_url
