"""Finds which version of a tool a repository pins, and what else its lock files name.

The nearest folder counts: the gate's own, then those above it up to the root of the repository.
"""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock_runner.presets.errors import PresetError

TOML_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock")
NODE_LOCKS = ("npm-shrinkwrap.json", "package-lock.json")
_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])? *==+ *([^\s;\\#,]+)")


@dataclass(frozen=True)
class Pin:
    """The version of a tool, and the lock file that names it."""

    version: str
    lock: Path


def folders_above(folder: Path) -> Iterator[Path]:
    """The folder and those above it, up to the root of the repository."""
    folder = folder.resolve()
    root = Path(os.environ.get("PENSTOCK_SOURCE", folder)).resolve()
    yield folder
    for above in folder.parents:
        if not above.is_relative_to(root):
            return
        yield above


def python_pin(tool: str, folder: Path) -> Pin | None:
    """The pinned version of a tool from PyPI. Raises PresetError for a lock that cannot be read."""
    wanted = _normal(tool)
    for place in folders_above(folder):
        for lock, pins in _pins_in(place):
            if wanted in pins:
                return Pin(pins[wanted], lock)
    return None


def requirement_files(folder: Path) -> list[Path]:
    """The files of requirements in a folder, in their order."""
    return sorted({*folder.glob("requirements*.txt"), *folder.glob("requirements/*.txt")})


def toml_pins(lock: Path) -> dict[str, str]:
    """The versions in a lock file of uv, Poetry or PDM, by normalised name."""
    packages = toml_of(lock).get("package", [])
    return {
        _normal(str(package["name"])): str(package["version"])
        for package in packages
        if "name" in package and "version" in package
    }


def toml_of(file: Path) -> dict[str, Any]:
    """The content of a TOML file; empty if there is none. Raises PresetError."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PresetError(f"{file} cannot be read: {error}") from error


def node_lock(folder: Path) -> Path | None:
    """The nearest lock file of npm."""
    found = (place / name for place in folders_above(folder) for name in NODE_LOCKS)
    return next((lock for lock in found if lock.is_file()), None)


def node_pin(tool: str, lock: Path) -> str:
    """The version of a tool in a lock file of npm; empty if it has none. Raises PresetError."""
    try:
        content = json.loads(lock.read_text(encoding="utf-8"))
        found = content.get("packages", {}).get(f"node_modules/{tool}", {})
        return str(found.get("version", ""))
    except (ValueError, AttributeError) as error:
        raise PresetError(f"{lock} cannot be read: {error}") from error


def _pins_in(folder: Path) -> Iterator[tuple[Path, Mapping[str, str]]]:
    for name in TOML_LOCKS:
        if (lock := folder / name).is_file():
            yield lock, toml_pins(lock)
    for file in requirement_files(folder):
        found = _PINNED.finditer(file.read_text(encoding="utf-8", errors="replace"))
        yield file, {_normal(match[1]): match[2] for match in found}


def _normal(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/."""
    return re.sub(r"[-_.]+", "-", name).lower()
