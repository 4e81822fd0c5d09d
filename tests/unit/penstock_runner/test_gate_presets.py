"""Gate presets run the tool that the repository pins, in an environment of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from penstock_runner.presets.errors import PresetError
from penstock_runner.presets.gates.locks import node_pin, python_pin
from penstock_shared.gate_presets import GATE_PRESETS
from tests.support.wheels import a_wheel

TOOL = b"from pathlib import Path\nimport sys\n"
TELLS = TOOL + b"print('checker', {version!r}, *map(str.strip, sys.argv[1:]))\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, and an index with two versions of the tool `checker`, and of a library."""
    index = tmp_path / "index"
    for version in ("1.0", "2.0"):
        files = {"checker.py": TELLS.replace(b"{version!r}", repr(version).encode())}
        a_wheel(index, "checker", files, version=version)
    a_wheel(index, "greeting")
    root = tmp_path / "shop"
    (root / "services" / "orders").mkdir(parents=True)
    for name, value in {
        "UV_FIND_LINKS": str(index),
        "UV_NO_INDEX": "1",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "HOME": str(tmp_path / "home"),
        "PENSTOCK_SOURCE": str(root),
    }.items():
        monkeypatch.setenv(name, value)
    return root


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def check(folder: Path, *options: str, runs: str = "python -m checker") -> str:
    command = [sys.executable, "-m", "penstock_runner.presets.gates", "python"]
    tool = ["--tool", "checker", "--version", "1.0", *options, "--", "/bin/sh", "-c", runs]
    finished = subprocess.run(
        [*command, *tool], cwd=folder, capture_output=True, text=True, check=False, env=os.environ
    )
    return finished.stdout + finished.stderr + f"exit {finished.returncode}"


def test_a_tool_that_no_lock_names_has_the_preset_s_version(repository: Path) -> None:
    said = check(repository)

    assert "checker 1.0: no lock file pins it" in said
    assert said.endswith("checker 1.0\nexit 0")


def test_the_nearest_lock_of_the_repository_decides(repository: Path) -> None:
    orders = repository / "services" / "orders"
    write(repository, {"requirements-dev.txt": "checker==2.0  # ours\n"})
    write(orders, {"requirements.txt": "greeting==1.0\n"})

    said = check(orders)

    assert "checker 2.0, as ../../requirements-dev.txt pins it" in said
    assert "checker 2.0\nexit 0" in said


def test_a_tool_may_have_the_packages_of_the_project_beside_it(repository: Path) -> None:
    write(repository, {"requirements.txt": "greeting==1.0\n"})
    runs = "python -c 'import checker, greeting; print(greeting.HELLO)'"

    assert "No module named 'greeting'" in check(repository, runs="python -c 'import greeting'")
    assert "hello\nexit 0" in check(repository, "--project", runs=runs)


def test_a_project_of_poetry_brings_what_its_lock_names(repository: Path) -> None:
    pins = "".join(
        f'[[package]]\nname = "{name}"\nversion = "{version}"\n'
        for name, version in {"checker": "2.0", "greeting": "1.0"}.items()
    )
    project = (
        "[tool.poetry.dependencies]\npython = '*'\ngreeting = '^1'\n"
        "[tool.poetry.group.dev.dependencies]\nchecker = '*'\n"
    )
    write(repository, {"pyproject.toml": project, "poetry.lock": pins})

    said = check(repository, "--project", runs="python -c 'import checker, greeting'")

    assert "checker 2.0, as poetry.lock pins it" in said
    assert said.endswith("exit 0")


def test_the_exit_code_is_that_of_the_tool(repository: Path) -> None:
    assert check(repository, runs="exit 3").endswith("exit 3")


def test_what_cannot_be_installed_fails_the_gate_with_the_installer_s_reason(
    repository: Path,
) -> None:
    write(repository, {"requirements.txt": "checker==9.9\n"})

    said = check(repository)

    assert "checker==9.9 could not be installed" in said
    assert said.endswith("exit 1")


@pytest.mark.parametrize(
    ("name", "text", "version"),
    [
        ("uv.lock", '[[package]]\nname = "pre-commit"\nversion = "4.1"\n', "4.1"),
        ("poetry.lock", '[[package]]\nname = "pre_commit"\nversion = "4.2"\n', "4.2"),
        ("requirements/dev.txt", "Pre.Commit[x]==4.3 \\\n    --hash=sha256:0\n", "4.3"),
        ("requirements-dev.txt", "pre-commit>=4\n", None),
        ("requirements.txt", "my-pre-commit==1.0\n", None),
    ],
)
def test_a_pin_is_found_in_every_kind_of_lock(
    repository: Path, name: str, text: str, version: str | None
) -> None:
    write(repository, {name: text})

    pin = python_pin("pre-commit", repository)

    assert (pin.version if pin else None) == version


def test_the_search_for_a_lock_ends_at_the_repository(repository: Path) -> None:
    write(repository.parent, {"requirements.txt": "checker==2.0\n"})

    assert python_pin("checker", repository / "services") is None


def test_a_lock_that_cannot_be_read_is_named(repository: Path) -> None:
    write(repository, {"uv.lock": "[[package", "package-lock.json": "{"})

    with pytest.raises(PresetError, match=r"uv\.lock cannot be read"):
        python_pin("checker", repository)
    with pytest.raises(PresetError, match=r"package-lock\.json cannot be read"):
        node_pin("eslint", repository / "package-lock.json")


def test_a_pin_of_npm_is_the_installed_version(repository: Path) -> None:
    packages = {"node_modules/eslint": {"version": "9.1.0"}, "node_modules/a": {}}
    lock = repository / "package-lock.json"
    write(repository, {lock.name: json.dumps({"packages": packages})})

    assert (node_pin("eslint", lock), node_pin("tsc", lock)) == ("9.1.0", "")


def test_the_script_of_package_json_runs_with_the_presets_own_node(repository: Path) -> None:
    scripts = {"test": "echo tested", "e2e": "echo went through"}
    write(repository, {"package.json": json.dumps({"name": "web", "scripts": scripts})})

    for preset, says in (("npm-test", "tested"), ("e2e", "went through")):
        command = GATE_PRESETS[preset].command().replace(" -I ", " ")
        finished = subprocess.run(
            ["/bin/sh", "-ec", command],
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PENSTOCK_PYTHON": sys.executable},
        )
        assert (finished.returncode, says in finished.stdout) == (0, True), finished.stderr
