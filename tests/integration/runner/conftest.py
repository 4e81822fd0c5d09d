"""One emulator for all these tests, with resources of their own for each; runners by the way."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from penstock.embedded.home import Home
from penstock.project import EMULATOR_PYTHON
from tests.integration.runner.world import Runner, World
from tests.support.emulator import OwnEmulator

StartRunner = Callable[..., Runner]


def need_emulator() -> None:
    if EMULATOR_PYTHON.exists():
        return
    reason = f"no emulator at {EMULATOR_PYTHON}; `make setup` installs it"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def own_emulator(folder: Path) -> Iterator[OwnEmulator]:
    need_emulator()
    own = OwnEmulator(Home(folder)).start()
    yield own
    own.stop()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEmulator]:
    yield from own_emulator(tmp_path_factory.mktemp("emulator"))


@pytest.fixture
def world(emulator: OwnEmulator) -> World:
    return World(emulator).create()


@pytest.fixture(scope="module")
def staffed(emulator: OwnEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world that the tests of a module share, with a runner in it."""
    world = World(emulator).create()
    runner = Runner.start(world, tmp_path_factory.mktemp("runner"))
    yield world
    runner.kill()


@pytest.fixture
def start_runner(tmp_path: Path) -> Iterator[StartRunner]:
    runners: list[Runner] = []

    def start(world: World, *, prefix: Sequence[str] = (), **settings: str) -> Runner:
        runners.append(Runner.start(world, tmp_path, prefix=prefix, **settings))
        return runners[-1]

    yield start
    for runner in runners:
        runner.kill()
