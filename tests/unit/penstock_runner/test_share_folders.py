"""Which folders a job finds, who makes them, and what is kept of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from penstock_runner.domain.environment import Host
from penstock_runner.domain.interruption import StopSignal
from penstock_runner.domain.ports import Command
from penstock_runner.domain.results import Ending
from penstock_runner.errors import JobError
from penstock_runner.use_cases.share_folders import PACKAGE_CACHES, ShareFolders
from penstock_shared.contracts.jobs import JobState
from penstock_shared.contracts.plan import Preparation
from tests.support.builders import a_checkout
from tests.unit.penstock_runner.fakes import FakeFolderStore, FakeWorkshop, Table, a_job

PREPARE = Preparation(run="uv sync", keep=(".venv",), inputs=("uv.lock",), workdir=".")


@dataclass
class Machine:
    """Shares folders, and records what it runs."""

    workshop: FakeWorkshop
    store: FakeFolderStore = field(default_factory=FakeFolderStore)
    layers: bool = True
    ending: Ending = field(default_factory=lambda: Ending(JobState.SUCCEEDED, 0))
    ran: list[Command] = field(default_factory=list)
    output: bytes = b""

    def run(self, command: Command, write: Callable[[bytes], None], stop: StopSignal) -> Ending:
        self.ran.append(command)
        return self.ending

    def site_of(self, **job: Any) -> dict[str, Any]:
        """What a job that succeeds shares, by name."""
        share = ShareFolders(
            self.store, self.workshop, self, Host("/bin", "python"), lambda: self.layers
        )
        lease = Table().lease(job=a_job(**job))
        with share.site(lease, self._write) as site:
            share.keep(site)
        return self.workshop.found[-1]

    def _write(self, output: bytes) -> None:
        self.output += output


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(FakeWorkshop(tmp_path))


def test_an_environment_is_prepared_by_the_first_who_needs_it(machine: Machine) -> None:
    first = machine.site_of(prepare=PREPARE)
    second = machine.site_of(prepare=PREPARE)

    assert [command.script for command in machine.ran] == ["uv sync"]
    assert first[".venv"].content == second[".venv"].content == Path("/kept/0")
    assert b"preparing .venv: uv sync" in machine.output


@pytest.mark.parametrize(
    "other",
    [
        {"prepare": PREPARE.model_copy(update={"run": "uv sync --all-groups"})},
        {"prepare": PREPARE.model_copy(update={"env": {"UV_NO_DEV": "1"}})},
        {"source": a_checkout(repository="acme/other")},
    ],
)
def test_what_is_made_otherwise_or_for_others_is_made_anew(
    machine: Machine, other: dict[str, Any]
) -> None:
    machine.site_of(prepare=PREPARE)

    machine.site_of(**{"prepare": PREPARE, **other})

    assert len(machine.ran) == 2


def test_another_lock_file_is_another_environment(machine: Machine) -> None:
    machine.site_of(prepare=PREPARE)
    machine.workshop.content = "another lock file"

    machine.site_of(prepare=PREPARE)

    assert len(machine.ran) == 2


def test_who_waited_uses_what_another_has_made(machine: Machine) -> None:
    machine.store.made_meanwhile = True

    found = machine.site_of(prepare=PREPARE)

    assert machine.ran == []
    assert found[".venv"].content == Path("/kept/by/another/0")


def test_a_preparation_gets_no_secret_and_finds_its_packages(machine: Machine) -> None:
    machine.site_of(prepare=PREPARE, secrets={"TOKEN": "token"}, variables={"MINE": "1"})

    assert "TOKEN" not in machine.ran[0].environment
    assert "MINE" not in machine.ran[0].environment
    assert tuple(machine.workshop.found[0]) == PACKAGE_CACHES
    assert len(machine.store.kept) == 1 + len(PACKAGE_CACHES)


def test_a_failed_preparation_fails_its_job_and_leaves_nothing(machine: Machine) -> None:
    machine.ending = Ending(JobState.FAILED, 2, "exit code 2")

    with pytest.raises(JobError, match=r"\.venv could not be prepared: exit code 2"):
        machine.site_of(prepare=PREPARE)

    assert machine.store.kept == []


def test_a_cache_is_of_the_kind_of_job(machine: Machine) -> None:
    one = machine.site_of(cache=(".mypy_cache",), name="types")
    same = machine.site_of(cache=(".mypy_cache",), name="types")
    other = machine.site_of(cache=(".mypy_cache",), name="types", component="other")

    assert (one[".mypy_cache"].content, same[".mypy_cache"].content) == (None, Path("/kept/0"))
    assert other[".mypy_cache"].content is None


def test_a_job_with_secrets_leaves_no_cache(machine: Machine) -> None:
    machine.site_of(cache=(".cache",), secrets={"TOKEN": "token"})

    assert machine.store.kept == []


def test_without_layers_each_job_prepares_its_own_and_finds_no_cache(machine: Machine) -> None:
    machine.layers = False

    for _ in range(2):
        found = machine.site_of(prepare=PREPARE, cache=(".cache",))
        assert found == {}

    assert [command.script for command in machine.ran] == ["uv sync"] * 2
    assert machine.store.kept == []
