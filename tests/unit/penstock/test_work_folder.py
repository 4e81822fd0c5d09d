"""Where the jobs of an embedded stack run."""

from pathlib import Path

import pytest

from penstock.embedded.errors import EmbeddedError
from penstock.embedded.home import Home
from penstock.embedded.runners import path_of_jobs
from penstock.project import PROJECT_ROOT, VENV_BIN


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return a_home(tmp_path / "home")


def a_home(folder: Path) -> Home:
    folder.mkdir()
    return Home(folder)


def test_jobs_run_outside_of_the_home_and_each_stack_has_a_folder(
    home: Home, temporary: Path, tmp_path: Path
) -> None:
    home.work.make()
    other = a_home(tmp_path / "other")
    other.work.make()

    assert home.work.path.parent == other.work.path.parent == temporary
    assert home.work.path != other.work.path
    assert home.work.path.stat().st_mode & 0o777 == 0o700


def test_the_default_home_s_lies_outside_of_the_checkout() -> None:
    assert not Home(PROJECT_ROOT / ".penstock").work.path.is_relative_to(PROJECT_ROOT)


def test_it_is_found_again_whatever_tmpdir_says_later(
    home: Home, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.work.make()
    made = home.work.path
    monkeypatch.delenv("TMPDIR")

    assert home.work.path == made
    home.work.remove()
    assert list(temporary.iterdir()) == []


def test_the_folder_of_a_home_that_is_gone_is_removed(
    home: Home, temporary: Path, tmp_path: Path
) -> None:
    gone = a_home(tmp_path / "gone")
    gone.work.make()
    gone.folder.rename(tmp_path / "moved")

    home.work.make()

    assert list(temporary.iterdir()) == [home.work.path]


def test_a_folder_of_somebody_else_is_not_used(home: Home, temporary: Path) -> None:
    home.work.path.mkdir()
    home.work.path.chmod(0o777)

    with pytest.raises(EmbeddedError, match="belongs to somebody else"):
        home.work.make()


def test_jobs_find_the_machine_s_programs_and_none_of_penstock_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours = f"{VENV_BIN}:{PROJECT_ROOT}/node_modules/.bin"
    monkeypatch.setenv("PATH", f"{ours}:/usr/bin::/bin")

    assert path_of_jobs() == "/usr/bin:/bin"
    assert path_of_jobs((tmp_path,)) == f"{tmp_path}:/usr/bin:/bin"
