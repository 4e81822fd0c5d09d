"""What a runner says of its machine changes with what jobs run with, and with nothing else."""

import os
import platform
import venv
from dataclasses import replace
from pathlib import Path

import pytest

from penstock_runner.adapters.interpreter import Interpreter
from penstock_runner.adapters.toolchain import describe_toolchain

PYTHON = Interpreter(Path("/usr/bin/python3"), "3.11", release="3.11.9", installed=("pytest-8",))


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with one tool."""
    folder = tmp_path / "tools"
    folder.mkdir()
    tool = folder / "node"
    tool.write_text("version 22\n")
    tool.chmod(0o755)
    return folder


def test_it_names_the_system_and_the_python(tools: Path) -> None:
    told = describe_toolchain(str(tools), PYTHON)

    assert told.startswith(f"{platform.system()} {platform.machine()}, ")
    assert "Python 3.11.9" in told


def test_equal_machines_say_the_same(tools: Path) -> None:
    assert describe_toolchain(str(tools), PYTHON) == describe_toolchain(str(tools), PYTHON)


def test_another_tool_another_python_or_another_package_is_another_toolchain(tools: Path) -> None:
    seen = {describe_toolchain(str(tools), PYTHON)}
    seen.add(describe_toolchain(str(tools), None))
    seen.add(describe_toolchain(str(tools), replace(PYTHON, release="3.11.10")))
    seen.add(describe_toolchain(str(tools), replace(PYTHON, installed=("pytest-9",))))
    os.utime(tools / "node", (0, 0))
    seen.add(describe_toolchain(str(tools), PYTHON))
    (tools / "node").unlink()
    seen.add(describe_toolchain(str(tools), PYTHON))

    assert len(seen) == 6


def test_what_is_no_tool_does_not_count(tools: Path) -> None:
    before = describe_toolchain(str(tools), PYTHON)
    (tools / "editor").write_text("")
    (tools / "editor").chmod(0o755)

    assert describe_toolchain(str(tools), PYTHON) == before


def test_an_interpreter_tells_its_packages_and_those_below_it(tmp_path: Path) -> None:
    machine = tmp_path / "machine"
    venv.create(machine, with_pip=False, symlinks=True)
    packages = next(machine.glob("lib/python*/site-packages"))
    (packages / "tool-1.0.dist-info").mkdir()

    found = Interpreter.on(str(machine / "bin"))

    assert found
    assert found.release == platform.python_version()
    assert "tool-1.0.dist-info" in found.installed
