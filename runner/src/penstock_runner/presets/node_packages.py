"""Installs what a package-lock.json names, with the presets' own npm."""

import json
from pathlib import Path
from typing import Any

from penstock_runner.presets.errors import PresetError
from penstock_runner.presets.running import run
from penstock_runner.presets.tools import node_variables, npm

_LOCKS = ("npm-shrinkwrap.json", "package-lock.json")
_QUIET = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
_DEPENDENCIES = ("dependencies", "optionalDependencies", "devDependencies")


def manifest(source: Path) -> dict[str, Any]:
    """The component's package.json; empty if there is none. Raises PresetError."""
    try:
        found = json.loads((source / "package.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise PresetError(f"{source / 'package.json'} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def locked(source: Path) -> bool:
    """Whether there are packages to install. Raises PresetError for packages without a lock."""
    if any((source / name).is_file() for name in _LOCKS):
        return True
    content = manifest(source)
    named = next((name for field in _DEPENDENCIES for name in content.get(field) or ()), None)
    if named:
        raise PresetError(
            f"package.json depends on {named}, and there is no package-lock.json beside it: commit "
            "the one that `npm install` makes. Members of a workspace, whose lock is elsewhere, "
            "and other package managers need a command: `build: {run: …, artifact: …}`"
        )
    return False


def install(source: Path, *options: str) -> None:
    """Install into `node_modules`, without running scripts of packages. Raises PresetError."""
    command = [*npm(), "ci", "--ignore-scripts", *_QUIET, *options]
    try:
        run(command, source, **node_variables())
    except PresetError as error:
        raise PresetError(f"package-lock.json could not be installed:\n{error}") from error


def pack(source: Path, folder: Path) -> Path:
    """The tarball that `npm pack` leaves in `folder`. Raises PresetError."""
    command = [*npm(), "pack", *_QUIET, f"--pack-destination={folder}"]
    try:
        run(command, source, **node_variables())
    except PresetError as error:
        raise PresetError(f"npm pack failed:\n{error}") from error
    return next(folder.glob("*.tgz"))
