"""The schedule of a distributed test run, on workers that only note what they are given."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest
from xdist.remote import Producer
from xdist.workermanage import WorkerController

from penstock.project import PROJECT_ROOT
from tests.support.scheduling import GROUPS, LONGEST, GroupScheduling, group_of, rank_of

TESTS = (
    "tests/unit/penstock_shared/test_globs.py::test_a_star",
    "tests/e2e/test_iam.py::test_a_release",
    "tests/e2e/test_flow.py::test_a_push",
    "tests/unit/penstock_shared/test_globs.py::test_two_stars[a/b]",
    "tests/e2e/test_abort.py::test_an_abort[1]",
    "tests/integration/runner/test_jobs.py::test_a_job",
    "tests/e2e/test_flow.py::test_two_pushes",
)


@dataclass(eq=False)
class NotingWorker:
    """Notes the tests that it is given."""

    name: str
    given: list[int] = field(default_factory=list)
    shutting_down: bool = False

    @property
    def gateway(self) -> SimpleNamespace:
        return SimpleNamespace(id=self.name)

    def send_runtest_some(self, indices: list[int]) -> None:
        self.given += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def given_to_two_workers() -> list[list[str]]:
    """The tests that each of two workers is given, who take turns to end one."""
    options = SimpleNamespace(loadscopereorder=False)
    two = SimpleNamespace(option=options, getvalue={"tx": ["2*popen"]}.get)
    schedule = GroupScheduling(cast("pytest.Config", two), Producer("log", enabled=False))
    tests = sorted(TESTS, key=rank_of)
    workers = [NotingWorker("first"), NotingWorker("second")]
    for worker in workers:
        schedule.add_node(cast("WorkerController", worker))
        schedule.add_node_collection(cast("WorkerController", worker), tests)
    schedule.schedule()
    for turn in range(len(tests)):
        for worker in workers:
            if turn < len(worker.given):
                schedule.mark_test_complete(cast("WorkerController", worker), worker.given[turn])
    return [[tests[index] for index in worker.given] for worker in workers]


def test_every_test_runs_once() -> None:
    first, second = given_to_two_workers()

    assert sorted(first + second) == sorted(TESTS)


@pytest.mark.parametrize("group", sorted({group_of(test) for test in TESTS}))
def test_who_shares_something_runs_in_one_worker(group: str) -> None:
    having = [given for given in given_to_two_workers() if group in map(group_of, given)]

    assert len(having) == 1


def test_the_stack_that_most_tests_share_is_one_group_and_begins() -> None:
    first, _ = given_to_two_workers()

    assert group_of(TESTS[2]) == group_of(TESTS[4]) == "a stack"
    assert group_of(TESTS[1]) == "a stack with IAM"
    assert first[0].startswith("tests/e2e/")


def test_the_groups_name_files_that_exist() -> None:
    assert all((PROJECT_ROOT / beginning).exists() for beginning in (*GROUPS, *LONGEST))
