"""Processes of functions that are forked from one that has their packages loaded."""

import os
import signal
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.emulation.forking import Nursery, packages

pytestmark = pytest.mark.integration

ANSWERS = """
import json, os, sys
sys.path.insert(0, os.getcwd())
import own
sys.stderr.write("says things\\n")
while line := sys.stdin.readline():
    print(json.dumps(eval(line)), flush=True)
"""
SHARED = {"yaml/__init__.py": "VERSION = 1"}

Start = Callable[..., Any]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a worker of a function made of these files, as ministack does."""
    nursery = Nursery()
    started: list[Any] = []

    def start(name: str, files: dict[str, str], **variables: str) -> Any:
        folder = tmp_path / name
        code = folder / "code"
        script = folder / "_worker.py"
        folder.mkdir()
        script.write_text(textwrap.dedent(ANSWERS))
        with zipfile.ZipFile(folder / "code.zip", "w") as archive:
            for path, content in {"own.py": f"NAME = {name!r}", **files}.items():
                archive.writestr(path, content)
        with zipfile.ZipFile(folder / "code.zip") as archive:
            archive.extractall(code)
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        environment = {**os.environ, **variables}
        command = [sys.executable, str(script)]
        worker = nursery.start(
            command, cwd=str(code), env=environment, text=True, bufsize=1, **pipes
        )
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.kill()
        worker.wait(10)
        for pipe in (worker.stdin, worker.stdout, worker.stderr):
            pipe.close()
    nursery.end()


def ask(worker: Any, expression: str) -> str:
    """The value of an expression in the worker, as JSON."""
    worker.stdin.write(f"{expression}\n")
    return str(worker.stdout.readline()).strip()


def test_a_worker_has_its_own_code_variables_and_folder(start: Start, tmp_path: Path) -> None:
    first = start("first", SHARED, WHO="me")
    second = start("second", SHARED, WHO="you")

    assert [ask(each, "own.NAME") for each in (first, second)] == ['"first"', '"second"']
    assert [ask(each, "os.environ['WHO']") for each in (first, second)] == ['"me"', '"you"']
    assert ask(second, "os.getcwd()") == f'"{tmp_path}/second/code"'
    assert second.stderr.readline() == "says things\n"


def test_functions_of_equal_packages_have_one_parent(start: Start) -> None:
    first = start("first", SHARED)
    second = start("second", {**SHARED, "more.py": ""})

    assert ask(first, "os.getppid()") == ask(second, "os.getppid()")


def test_a_function_gets_the_packages_of_its_own_zip(start: Start) -> None:
    start("first", SHARED)
    other = start("other", {"yaml/__init__.py": "VERSION = 2"})

    assert ask(other, "__import__('yaml').VERSION") == "2"


def test_a_variable_that_interpreters_read_at_their_start_gets_an_interpreter(start: Start) -> None:
    worker = start("first", SHARED, PYTHONHASHSEED="1")

    assert ask(worker, "os.getppid()") == str(os.getpid())


def test_a_worker_can_wait_for_processes_of_its_own(start: Start) -> None:
    worker = start("first", SHARED)

    assert ask(worker, "__import__('subprocess').run(['false']).returncode") == "1"


def test_a_worker_ends_when_it_is_told_to(start: Start) -> None:
    worker = start("first", SHARED)
    assert worker.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(0.01)

    worker.terminate()

    assert worker.wait(10) is not None
    assert worker.poll() is not None
    assert worker.stdout.readline() == ""


def test_workers_start_though_their_parent_was_killed(start: Start) -> None:
    parent = int(ask(start("first", SHARED), "os.getppid()"))
    os.kill(parent, signal.SIGKILL)

    worker = start("second", SHARED)

    assert ask(worker, "own.NAME") == '"second"'


def test_packages_are_told_apart_by_their_content(tmp_path: Path) -> None:
    archive = tmp_path / "code.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in ("a/__init__.py", "b/__init__.py", "c.py"):
            opened.writestr(path, path)

    first = packages(archive)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("b/more.py", "")

    assert first.keys() == {"a", "b", "c"}
    assert {name for name, found in packages(archive).items() if found != first[name]} == {"b"}
