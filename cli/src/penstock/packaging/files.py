"""Selects the files of an artifact, and their names in it."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_LEFT_OUT_FOLDERS = {"bin", "test", "testing", "tests", "wrapt-stubs"}
# Powertools' web page for OpenAPI documents: half a megabyte that no function serves.
_LEFT_OUT_FILES = {"swagger-ui-bundle.min.js", "swagger-ui.min.css"}
_LEFT_OUT_SUFFIXES = {".c", ".pth", ".pyi", ".typed"}
# importlib.metadata reads only these; the rest of a dist-info folder is for installers.
_METADATA = {"METADATA", "entry_points.txt"}


def needed_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The name in the zip and the path of each file that a running function may need."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and _is_needed(PurePosixPath(name)):
            yield name.as_posix(), path


def source_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The needed files without bytecode, which depends on who last ran the code."""
    return (found for found in needed_files(folder) if found[1].suffix != ".pyc")


def _is_needed(name: PurePosixPath) -> bool:
    *folders, last = name.parts
    if folders and folders[0].endswith(".dist-info"):
        return last in _METADATA
    if last in _LEFT_OUT_FILES or name.suffix in _LEFT_OUT_SUFFIXES:
        return False
    return not _LEFT_OUT_FOLDERS.intersection(folders)
