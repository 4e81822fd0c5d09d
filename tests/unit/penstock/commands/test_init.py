"""`penstock init` and `penstock schema`."""

import json
from pathlib import Path

import pytest

from penstock_shared.configuration import read_configuration
from tests.support.git import WorkTree
from tests.unit.penstock.commands.conftest import Run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    work = WorkTree.create(tmp_path / "shop")
    work.commit({"orders/pyproject.toml": "[tool.ruff]", "orders/a.py": "", ".gitignore": "x"})
    (work.folder / "x").mkdir()
    (work.folder / "x/package.json").write_text("{}")
    monkeypatch.chdir(work.folder)
    return work.folder


def test_it_writes_what_the_repository_holds_and_validate_accepts_it(
    run: Run, project: Path
) -> None:
    run("init")

    written = (project / "penstock.yml").read_text()
    assert set(read_configuration(written).components) == {"orders"}
    assert "# orders/pyproject.toml" in written
    assert "is as it should be" in run("validate").stdout


def test_it_replaces_no_file_unasked(run: Run, project: Path) -> None:
    (project / "penstock.yml").write_text("mine")

    assert "exists already" in run("init", code=5).stderr
    assert "version: 1" in run("init", "--stdout").stdout
    assert (project / "penstock.yml").read_text() == "mine"
    run("init", "--force")
    assert "version: 1" in (project / "penstock.yml").read_text()


def test_a_folder_without_git_is_read_too(run: Run, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/package.json").write_text("{}")

    assert "path: web" in run("init", str(tmp_path), "--stdout").stdout


def test_where_nothing_is_recognised_it_says_what_was_looked_for(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    told = run("init", str(tmp_path / "empty"), code=4).stderr

    assert "there is no pyproject.toml, requirements.txt, package.json" in told


def test_the_schema_is_json(run: Run) -> None:
    assert json.loads(run("schema").stdout)["title"] == "penstock.yml"
