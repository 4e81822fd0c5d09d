"""What must not be lost when things die. These break their stack, so each has one of its own."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from penstock.embedded import Wishes, down
from tests.e2e.conftest import start
from tests.support.product import Product, Repository, eventually
from tests.support.repositories import commands

ONE_EACH = Wishes(runners=2, slots=1)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    down(tmp_path / "home")


@pytest.fixture
def product(home: Path) -> Iterator[Product]:
    with httpx.Client(timeout=30, trust_env=False) as http:
        yield Product(start(home, ONE_EACH), http)


def risen(product: Product, home: Path) -> Product:
    """The product after another `up`."""
    return Product(start(home, ONE_EACH), product.http)


@pytest.fixture
def repository(product: Product, tmp_path: Path) -> Repository:
    return Repository.create(product, tmp_path / "repository", "acme/fragile")


def test_a_job_whose_runner_is_killed_runs_again_elsewhere(
    product: Product, repository: Repository, tmp_path: Path
) -> None:
    marks = tmp_path / "attempts"
    gate = f"echo $$ >> {marks}; test $(wc -l < {marks}) -gt 1 || sleep 600"
    flow_id = repository.push(commands(gate=gate))
    product.await_job(flow_id, "check", "running")

    for runner in runners_with_children(product):
        os.kill(runner, signal.SIGKILL)

    flow = product.await_state(flow_id, "succeeded")
    job = next(job for stage in flow["stages"] for job in stage["jobs"] if job["name"] == "check")
    assert job["attempts"] == 2


def runners_with_children(product: Product) -> list[int]:
    """The runners that have a job's process: those that work on one."""
    runners = [pid for name, pid in product.stack.processes.items() if "runner" in name]
    busy = [pid for pid in runners if Path(f"/proc/{pid}/task/{pid}/children").exists()]
    found = [pid for pid in busy if children_of(pid)]
    assert found
    return found


def children_of(pid: int) -> list[str]:
    """A process's children, whichever of its threads started them."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [child for task in tasks for child in task.read_text().split()]


def test_a_flow_survives_the_death_of_the_emulator(
    product: Product, repository: Repository, home: Path
) -> None:
    flow_id = repository.push(commands(gate="sleep 3", bake="2s"))
    product.await_job(flow_id, "check", "running")
    saved(product, home)

    os.kill(product.stack.processes["emulator"], signal.SIGKILL)
    again = risen(product, home)

    assert again.stack.endpoint_url == product.stack.endpoint_url
    again.await_state(flow_id, "succeeded", patience=120)


def test_a_bake_survives_the_death_of_the_emulator(
    product: Product, repository: Repository, home: Path
) -> None:
    flow_id = repository.push(commands(bake="6s"))
    product.await_state(flow_id, "baking")
    saved(product, home)

    os.kill(product.stack.processes["emulator"], signal.SIGKILL)
    again = risen(product, home)

    again.await_state(flow_id, "succeeded", patience=120)


def saved(product: Product, home: Path) -> None:
    """Wait until the emulator has saved what happened so far: it does so once a second."""
    marker = "saved-by-now"
    product.stack.client("ssm").put_parameter(Name=marker, Value="x", Type="String")
    snapshots = home / "emulator"
    eventually(
        lambda: any(
            marker in path.read_text() for path in snapshots.rglob("ssm*.json") if path.is_file()
        ),
        "the emulator's state to be saved",
    )
