"""The command line, run against a fake stack."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from penstock import following
from penstock.app import app
from penstock.commands import logs
from tests.support.git import WorkTree
from tests.unit.penstock.commands.fake_stack import FakeStack, serving

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_settings_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PENSTOCK_HOME", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(following, "EVERY", 0.01)
    monkeypatch.setattr(logs, "EVERY", 0.01)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def stack(home: Path) -> Iterator[FakeStack]:
    fake = FakeStack()
    with serving(fake, home):
        yield fake


@pytest.fixture
def run(home: Path) -> Run:
    """Runs a command against the fake stack."""

    def call(*arguments: str, code: int = 0, told: str | None = None) -> Result:
        runner = CliRunner(env={"PENSTOCK_HOME": str(home)})
        done = runner.invoke(app, list(arguments), input=told)
        assert done.exit_code == code, done.output
        return done

    return call


@pytest.fixture
def pushed(home: Path, stack: FakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The commit of main in the stack's repository that the current folder pushes to."""
    work = WorkTree.create(tmp_path / "shop")
    sha = work.commit({"a": "a"})
    work.push()
    monkeypatch.chdir(work.folder)
    stack_file = json.loads((home / "stack.json").read_text())
    repositories = [
        {"name": "shop", "forge": "github", "git_url": "file:///elsewhere/shop.git"},
        {"name": "acme/shop", "forge": "git", "git_url": work.remote},
    ]
    pushed = {"repositories": repositories}
    (home / "stack.json").write_text(json.dumps(stack_file | pushed))
    return sha
