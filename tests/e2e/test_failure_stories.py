"""Nothing is lost when processes die. Each test breaks its stack, and the next one repairs it."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from penstock.embedded import StackOptions, find_home
from penstock_runner.sandbox.limits import descendants
from tests.e2e.conftest import start
from tests.support.emulator import wait_for_a_save
from tests.support.git import WorkTree
from tests.support.product import Product, Repository, eventually, flow_in
from tests.support.repositories import commands

ONE_EACH = StackOptions(runners=2, slots=1)


@pytest.fixture
def home(fragile_home: Path) -> Path:
    return fragile_home


@pytest.fixture
def product(home: Path) -> Iterator[Product]:
    with httpx.Client(timeout=30, trust_env=False) as http:
        yield Product(start(home, ONE_EACH), http)


def risen(product: Product, home: Path) -> Product:
    """The stack after another `up`."""
    return Product(start(home, ONE_EACH), product.http, product.webhooks)


@pytest.fixture
def repository(product: Product, tmp_path: Path) -> Repository:
    return Repository.create(product, tmp_path / "repository", f"acme/{tmp_path.name}")


def test_a_job_whose_runner_is_killed_runs_again_elsewhere(
    product: Product, repository: Repository
) -> None:
    gate = "test $PENSTOCK_ATTEMPT -gt 1 || sleep 600.125"
    flow_id = repository.push(commands(gate=gate))
    product.await_job(flow_id, "check", "running")

    os.kill(runner_that_runs(product, "sleep 600.125"), signal.SIGKILL)

    flow = product.await_state(flow_id, "succeeded")
    job = next(job for phase in flow["phases"] for job in phase["jobs"] if job["name"] == "check")
    assert job["attempts"] == 2


def runner_that_runs(product: Product, command: str) -> int:
    """The process of the runner below which this command runs."""
    runners = [pid for name, pid in product.stack.processes.items() if name.startswith("runner-")]
    return next(pid for pid in runners if command in map(command_of, descendants(pid)))


def command_of(pid: int) -> str:
    with suppress(OSError):  # it has ended meanwhile
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return ""


def test_a_flow_survives_the_death_of_the_emulator(
    product: Product, repository: Repository, home: Path
) -> None:
    flow_id = repository.push(commands(gate="sleep 3", bake="2s"))
    product.await_job(flow_id, "check", "running")

    kill_emulator(product, home)
    again = risen(product, home)

    assert again.stack.endpoint_url == product.stack.endpoint_url
    again.await_state(flow_id, "succeeded", patience=120)


def test_a_bake_survives_the_death_of_the_emulator(
    product: Product, repository: Repository, home: Path
) -> None:
    flow_id = repository.push(commands(bake="6s"))
    product.await_state(flow_id, "baking")

    kill_emulator(product, home)
    again = risen(product, home)

    again.await_state(flow_id, "succeeded", patience=120)


def kill_emulator(product: Product, home: Path) -> None:
    """Kill the emulator once it has saved its current state."""
    wait_for_a_save(find_home(home))
    kill_at_once(product.stack.processes["emulator"])


def has_ended(pid: int) -> bool:
    """Whether a process has ended; it may still wait to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_push_that_was_answered_a_moment_before_a_kill_is_found(
    product: Product, home: Path, tmp_path: Path
) -> None:
    tree = WorkTree.create(tmp_path / "clone", f"{product.stack.git_url}/clone.git")
    tree.commit(commands())

    said = tree.push()
    kill_at_once(product.stack.processes["emulator"])
    again = risen(product, home)

    again.await_state(flow_in(said), "succeeded", patience=120)


def kill_at_once(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: has_ended(pid), "the emulator's death")
