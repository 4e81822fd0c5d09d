"""Prepares the environments that gate presets run in: the one place that installs for them."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from penstock_runner.presets.errors import PresetError
from penstock_runner.presets.gates.locks import (
    Pin,
    folders_above,
    node_lock,
    node_pin,
    python_pin,
    requirement_files,
    toml_of,
    toml_pins,
)
from penstock_runner.presets.node_packages import install
from penstock_runner.presets.poetry import packages_of
from penstock_runner.presets.running import run
from penstock_runner.presets.tools import UV_OPTIONS, node_variables, npm, uv

_FOLDER = ".penstock-gate"
"""In the home of the job, which is the job's own."""


def python_environment(
    tool: str, version: str, folder: Path, *, with_project: bool
) -> Mapping[str, str]:
    """The variables of a command that runs in an environment with the tool.

    The version is that of the nearest lock file that pins the tool, or else the given one. Raises
    PresetError with what the installer says.
    """
    pin = python_pin(tool, folder)
    _say(tool, version, pin, folder)
    environment = _home() / "python"
    python = shutil.which("python3") or sys.executable
    run([uv(), "venv", *UV_OPTIONS, "--allow-existing", "--python", python, environment], folder)
    if with_project:
        _install_project(environment, folder)
    _install(environment, folder, [f"{tool}=={pin.version if pin else version}"])
    return {
        "VIRTUAL_ENV": str(environment),
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }


def node_environment(tool: str, version: str, folder: Path) -> Mapping[str, str]:
    """The variables of a command that finds npm, the locked packages, and the tool.

    Raises PresetError with what npm says.
    """
    variables = node_variables()
    paths = [str(_programs_of_npm()), variables["PATH"]]
    lock = node_lock(folder)
    if lock:
        install(lock.parent)
        paths.insert(0, str(lock.parent / "node_modules" / ".bin"))
    pinned = node_pin(tool, lock) if tool and lock else ""
    if tool:
        _say(tool, version, Pin(pinned, lock) if pinned and lock else None, folder)
    if tool and not pinned:
        place = _home() / "node"
        place.mkdir(parents=True, exist_ok=True)
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        target = ("--prefix", str(place), f"{tool}@{version}")
        run([*npm(), "install", *quiet, *target], place, **variables)
        paths.insert(0, str(place / "node_modules" / ".bin"))
    return {**variables, "PATH": os.pathsep.join(paths)}


def _programs_of_npm() -> Path:
    """A folder with npm and npx: their own programs in the wheel of Node miss their library."""
    folder = _home() / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    node, script = npm()
    for name in ("npm", "npx"):
        program = folder / name
        called = quote(str(Path(script).with_name(f"{name}-cli.js")))
        program.write_text(f'#!/bin/sh\nexec {quote(node)} {called} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    return folder


def _home() -> Path:
    return Path(os.environ.get("HOME") or Path.cwd()) / _FOLDER


def _say(tool: str, version: str, pin: Pin | None, folder: Path) -> None:
    if pin:
        where = os.path.relpath(pin.lock, folder.resolve())
        print(f"{tool} {pin.version}, as {where} pins it", flush=True)
    else:
        print(f"{tool} {version}: no lock file pins it", flush=True)


def _install_project(environment: Path, folder: Path) -> None:
    """The packages of the nearest project, as its lock file says if it has one."""
    place = next((each for each in folders_above(folder) if _is_project(each)), None)
    if place is None:
        return
    locked = next((each for each in folders_above(place) if (each / "uv.lock").is_file()), None)
    if locked:
        _sync(environment, place if (place / "pyproject.toml").is_file() else locked)
        return
    project = toml_of(place / "pyproject.toml")
    if (lock_file := place / "poetry.lock").is_file():
        constraints = _home() / "constraints.txt"
        pins = toml_pins(lock_file).items()
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in pins))
        _install(environment, place, ["--constraint", constraints, *_of_poetry(project)])
    elif files := requirement_files(place):
        _install(environment, place, [word for file in files for word in ("--requirement", file)])
    else:
        groups = [f"--group={name}" for name in project.get("dependency-groups", {})]
        listed = ["--requirement", "pyproject.toml", "--all-extras"]
        _install(environment, place, [*listed, *groups])
    if "build-system" in project:
        _install(environment, place, ["--no-deps", "--editable", "."])


def _is_project(folder: Path) -> bool:
    return (folder / "pyproject.toml").is_file() or bool(requirement_files(folder))


def _sync(environment: Path, place: Path) -> None:
    command = [uv(), "sync", *UV_OPTIONS, "--frozen", "--all-groups", "--all-extras"]
    try:
        run(command, place, UV_PROJECT_ENVIRONMENT=str(environment))
    except PresetError as error:
        raise PresetError(f"uv.lock could not be installed:\n{error}") from error


def _of_poetry(project: Mapping[str, Any]) -> list[str]:
    """What a project depends on, in all its groups."""
    poetry = project.get("tool", {}).get("poetry", {})
    groups = [poetry.get("dev-dependencies", {})]
    groups += [group.get("dependencies", {}) for group in poetry.get("group", {}).values()]
    standard = [
        each
        for group in project.get("dependency-groups", {}).values()
        for each in group
        if isinstance(each, str)
    ]
    return [*packages_of(project), *standard, *_names(groups)]


def _names(groups: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for group in groups:
        yield from (name for name in group if name.lower() != "python")


def _install(environment: Path, folder: Path, what: Iterable[str | Path]) -> None:
    named = list(what)
    if not named:
        return
    target = ("--python", environment / "bin" / "python")
    try:
        run([uv(), "pip", "install", *UV_OPTIONS, *target, *named], folder)
    except PresetError as error:
        shown = " ".join(map(str, named[:6]))
        raise PresetError(f"{shown} could not be installed:\n{error}") from error
