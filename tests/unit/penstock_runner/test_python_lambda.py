"""The zip that `preset: python-lambda` makes."""

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from penstock_runner.presets.python_lambda import main
from penstock_runner.presets.vendoring import Machine, _for_pip, _for_uv, has_entries


@pytest.fixture
def component(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, content in {
        "services/orders/handler.py": "import common",
        "services/orders/pricing/table.json": "{}",
        "services/orders/requirements.txt": "# none yet\n\n",
        "services/orders/tests/test_handler.py": "",
        "services/orders/conftest.py": "",
        "services/orders/test_more.py": "",
        "services/orders/.env": "SECRET=1",
        "services/orders/.cache/x": "",
        "services/orders/__pycache__/handler.cpython-311.pyc": "",
        "libs/common/src/common/__init__.py": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.chdir(tmp_path / "services/orders")
    return tmp_path / "services/orders"


def make(*more: str) -> int:
    arguments = ["--source", ".", "--include", "../../libs/common/src", "--output", "dist/out.zip"]
    return main([*arguments, *more])


def names_in(bundle: Path) -> list[str]:
    with zipfile.ZipFile(bundle) as opened:
        return opened.namelist()


def test_it_holds_what_the_function_needs_and_no_more(component: Path) -> None:
    assert make() == 0

    assert names_in(component / "dist/out.zip") == [
        "common/__init__.py",
        "handler.py",
        "pricing/table.json",
        "requirements.txt",
    ]


def test_the_same_files_make_the_same_bytes(component: Path, tmp_path: Path) -> None:
    make()
    first = (component / "dist/out.zip").read_bytes()
    copy = tmp_path / "copy"
    shutil.copytree(component, copy, ignore=shutil.ignore_patterns("dist"))
    os.utime(copy / "handler.py", (1, 1))
    (copy / "handler.py").chmod(0o600)

    second = tmp_path / "second.zip"
    main(["--source", str(copy), "--include", "../../libs/common/src", "--output", str(second)])
    make()

    assert second.read_bytes() == first
    assert (component / "dist/out.zip").read_bytes() == first


def test_programs_stay_executable(component: Path) -> None:
    (component / "run.sh").write_text("#!/bin/sh")
    (component / "run.sh").chmod(0o755)
    make()

    with zipfile.ZipFile(component / "dist/out.zip") as opened:
        modes = {entry.filename: entry.external_attr >> 16 for entry in opened.infolist()}
        times = {entry.date_time for entry in opened.infolist()}
    assert stat.S_IMODE(modes["run.sh"]) == 0o755
    assert stat.S_IMODE(modes["handler.py"]) == 0o644
    assert times == {(1980, 1, 1, 0, 0, 0)}


def test_two_files_of_one_name_are_an_error(
    component: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (component / "common").mkdir()
    (component / "common/__init__.py").write_text("another")

    assert make() == 1

    assert "common/__init__.py comes from both" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--source", "nowhere", "--output", "x.zip"], "there is no folder nowhere"),
        (
            ["--source", ".cache", "--output", "x.zip", "--include", "gone"],
            "there is no folder gone",
        ),
        (["--source", "tests", "--output", "x.zip"], "there is no Python code in "),
        (["--source", "pricing", "--output", "x.zip"], "there is no Python code in "),
    ],
)
def test_what_cannot_be_made_is_explained(
    arguments: list[str],
    reason: str,
    component: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(arguments) == 1

    assert capsys.readouterr().err.startswith(f"python-lambda: {reason}")
    assert not (component / "x.zip").exists()


def test_dependencies_that_only_a_pyproject_names_are_not_left_out_in_silence(
    component: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (component / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["six"]\n')
    assert make() == 0

    (component / "requirements.txt").unlink()

    assert make() == 1
    assert "depends on six, and there is no requirements.txt" in capsys.readouterr().err


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_requirements_are_vendored(
    installer: str, component: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder, so that the test needs no network."""
    wheel = a_wheel(tmp_path)
    (component / "requirements.txt").write_text(f"{wheel}  # our own\n")
    if installer == "pip":
        monkeypatch.setattr("penstock_runner.presets.vendoring.UV", "no-such-installer")

    assert make() == 0

    names = names_in(component / "dist/out.zip")
    assert "greeting/__init__.py" in names
    assert "greeting-1.0.dist-info/METADATA" in names
    assert not [name for name in names if name.endswith(("RECORD", ".pyc", "INSTALLER"))]


def test_requirements_that_cannot_be_had_are_told_in_the_installer_s_words(
    component: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (component / "requirements.txt").write_text("./nowhere-1.0-py3-none-any.whl\n")

    assert make() == 1

    told = capsys.readouterr().err
    assert told.startswith("python-lambda: requirements.txt could not be installed:")
    assert "nowhere" in told


def a_wheel(folder: Path) -> Path:
    wheel = folder / "greeting-1.0-py3-none-any.whl"
    metadata = "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n"
    with zipfile.ZipFile(wheel, "w") as opened:
        opened.writestr("greeting/__init__.py", "HELLO = 'hello'")
        opened.writestr("greeting-1.0.dist-info/METADATA", metadata)
        opened.writestr(
            "greeting-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        opened.writestr("greeting-1.0.dist-info/RECORD", "")
    return wheel


def test_comments_are_no_requirements(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    assert not has_entries(requirements)
    requirements.write_text("# a comment\n\n   # another\n")
    assert not has_entries(requirements)
    requirements.write_text("# a comment\nrequests==2.32\n")
    assert has_entries(requirements)


def test_another_machine_s_packages_can_be_asked_for() -> None:
    machine = Machine("aarch64-manylinux2014", "3.13")

    for_uv = "--python-platform aarch64-manylinux2014 --only-binary :all: --python-version 3.13"
    assert " ".join(_for_uv(machine)[2:]) == for_uv
    for_pip = "--platform manylinux2014_aarch64 --python-version 3.13 --only-binary=:all:"
    assert " ".join(_for_pip(machine)) == for_pip
    assert _for_pip(Machine()) == []


def test_it_runs_with_nothing_but_an_interpreter(component: Path) -> None:
    """Even in a folder whose files have the names of Python's own modules."""
    (component / "zipfile.py").write_text("raise SystemExit('shadowed')")
    command = [sys.executable, "-I", "-m", "penstock_runner.presets.python_lambda"]

    finished = subprocess.run(
        [*command, "--source", ".", "--output", "out.zip"],
        env={},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.startswith("out.zip: 4 files, ")
