"""One emulator per module, and for each test its own stage and runners."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from penstock.embedded.home import Home
from penstock.project import EMULATOR_PYTHON
from tests.integration.runner.runner_stage import Runner, RunnerStage
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
def stage(emulator: OwnEmulator) -> RunnerStage:
    return RunnerStage(emulator).create()


@pytest.fixture(scope="module")
def staffed(
    emulator: OwnEmulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunnerStage]:
    """A stage with a runner, which the tests of a module share."""
    stage = RunnerStage(emulator).create()
    runner = Runner.start(stage, tmp_path_factory.mktemp("runner"))
    yield stage
    runner.kill()


@pytest.fixture
def start_runner(tmp_path: Path) -> Iterator[StartRunner]:
    runners: list[Runner] = []

    def start(stage: RunnerStage, *, prefix: Sequence[str] = (), **settings: str) -> Runner:
        runners.append(Runner.start(stage, tmp_path, prefix=prefix, **settings))
        return runners[-1]

    yield start
    for runner in runners:
        runner.kill()
