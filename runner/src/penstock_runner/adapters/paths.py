"""Confines the paths that a job names to its folder."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from penstock_runner.errors import UnsafePathError

_OWNER_MAY_ALL = 0o700


def inside(folder: Path, relative: str) -> Path:
    """The path `relative` in `folder`, with every link resolved.

    Raises UnsafePathError if it lies outside of `folder`.
    """
    if "\0" in relative:
        raise UnsafePathError(f"{relative!r} is no path")
    path = _resolved(folder, relative)
    if not path.is_relative_to(folder.resolve()):
        raise UnsafePathError(f"{relative!r} lies outside of the job's folder")
    return path


def _resolved(folder: Path, relative: str) -> Path:
    try:
        return (folder / relative).resolve()
    except RuntimeError as error:  # Python 3.13 and newer return such a link unresolved
        raise UnsafePathError(f"{relative!r} is a link that leads in a circle") from error


def remove_tree(folder: Path) -> None:
    """Remove a folder, whatever permissions a job has set in it; never raises."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError:
        _open_up(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _open_up(folder: Path) -> None:
    for path, folders, _ in os.walk(folder):
        for name in folders:
            with suppress(OSError):
                _allow(Path(path, name))


def _allow(folder: Path) -> None:
    if not folder.is_symlink():
        folder.chmod(_OWNER_MAY_ALL)
