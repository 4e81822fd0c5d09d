"""Finds which packages go into a function's zip. The first of these alone says so.

1. `requirements.txt` in the component's folder, an empty one for none;
2. `uv.lock` beside its pyproject.toml, or of the uv workspace that it belongs to;
3. `poetry.lock` beside its pyproject.toml;
4. the `dependencies` of its pyproject.toml, which are not pinned.
"""

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock_runner.presets.errors import PresetError
from penstock_runner.presets.poetry import constraints_of, packages_of
from penstock_runner.presets.running import run
from penstock_runner.presets.tools import UV_OPTIONS, uv

_LOCAL = re.compile(r"((?:\.{1,2}(?:/|$)|/|file:)[^\s;#]*)")
_PINNED = re.compile(r"==|@|\.whl\b")


@dataclass(frozen=True)
class Requirements:
    """What to install: a file that uv reads, and perhaps one of constraints.

    `origin` is what the component itself has, `local` names packages whose source is in the
    repository, and `pinned` says whether the same packages come every time.
    """

    origin: Path
    file: Path
    constraints: Path | None = None
    local: tuple[str, ...] = ()
    pinned: bool = True


def find_requirements(source: Path, scratch: Path) -> Requirements | None:
    """What the component in `source` requires; None for nothing. Writes into `scratch`.

    Raises PresetError for what cannot be read.
    """
    listed, project = source / "requirements.txt", source / "pyproject.toml"
    if listed.is_file():
        return _from_list(listed)
    if not project.is_file():
        return None
    if lock := _uv_lock(source):
        return _from_uv(lock, source, scratch)
    if (lock := source / "poetry.lock").is_file():
        return _from_poetry(lock, project, scratch)
    return _from_project(project)


def _from_list(file: Path) -> Requirements | None:
    lines = [line.split(" #")[0].strip() for line in _text(file).splitlines()]
    entries = [line for line in lines if line and not line.startswith("#")]
    packages = [line for line in entries if not line.startswith("--hash")]
    if not packages:
        return None
    if any(line.startswith(("-e", "--editable")) for line in packages):
        raise PresetError(f"{file}: a zip holds no editable packages; write the path without `-e`")
    pinned = all(_PINNED.search(line) or line.startswith(("-", ".")) for line in packages)
    return Requirements(file, file, local=tuple(_local_names(entries, file.parent)), pinned=pinned)


def _uv_lock(source: Path) -> Path | None:
    """The lock of the project in `source`, or of the workspace above it in its repository."""
    if (lock := source / "uv.lock").is_file():
        return lock
    repository = Path(os.environ.get("PENSTOCK_SOURCE", source)).resolve()
    for folder in source.resolve().parents:
        if not folder.is_relative_to(repository):
            return None
        if (lock := folder / "uv.lock").is_file() and _is_workspace(folder / "pyproject.toml"):
            return lock
    return None


def _is_workspace(project: Path) -> bool:
    tools = _toml(project).get("tool", {}) if project.is_file() else {}
    return "workspace" in tools.get("uv", {})


def _from_uv(lock: Path, source: Path, scratch: Path) -> Requirements | None:
    file = scratch / "from-uv-lock.txt"
    options = ["--frozen", "--no-dev", "--no-emit-project", "--no-editable", "--no-header"]
    name = _toml(source / "pyproject.toml").get("project", {}).get("name")
    if lock.parent != source and name:
        options += ["--package", str(name)]
    try:
        exported = run([uv(), "export", *UV_OPTIONS, *options], source)
    except PresetError as error:
        raise PresetError(f"{lock} could not be read:\n{error}") from error
    lines = _entries(exported)
    # uv writes the paths of a workspace relative to the folder of its lock.
    lines = [_seen_from(lock.parent, line) for line in lines]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if not lines:
        return None
    return Requirements(lock, file, local=tuple(_local_names(lines, source)))


def _from_poetry(lock: Path, project: Path, scratch: Path) -> Requirements | None:
    packages = packages_of(_toml(project))
    if not packages:
        return None
    file, constraints = scratch / "from-pyproject.txt", scratch / "from-poetry-lock.txt"
    file.write_text("".join(f"{each}\n" for each in packages), encoding="utf-8")
    text = constraints_of(_toml(lock), lock)
    constraints.write_text(text, encoding="utf-8")
    return Requirements(lock, file, constraints)


def _from_project(project: Path) -> Requirements | None:
    content = _toml(project)
    if content.get("project", {}).get("dependencies"):
        return Requirements(project, project, pinned=False)
    if packages_of(content):
        raise PresetError(f"{project} has dependencies of poetry and no poetry.lock beside it")
    return None


def _entries(text: str) -> list[str]:
    joined = text.replace("\\\n", " ")
    return [
        line for line in joined.splitlines() if line.strip() and not line.startswith((" ", "#"))
    ]


def _seen_from(folder: Path, line: str) -> str:
    local = _LOCAL.match(line)
    if local is None or not local[1].startswith("."):
        return line
    return f"{(folder / local[1]).resolve()}{line[local.end() :]}"


def _local_names(lines: list[str], folder: Path) -> Iterator[str]:
    """The names of the packages among these whose source is a folder of the repository."""
    for line in lines:
        local = _LOCAL.match(line)
        project = folder / local[1].removeprefix("file:") / "pyproject.toml" if local else None
        if project and project.is_file():
            yield str(_toml(project).get("project", {}).get("name", project.parent.name))


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(file))
    except tomllib.TOMLDecodeError as error:
        raise PresetError(f"{file} cannot be read: {error}") from error


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PresetError(f"{file} cannot be read: {error}") from error
