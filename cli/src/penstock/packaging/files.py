"""Which files go into an artifact, and under which names."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_LEFT_OUT_FOLDERS = {"bin", "test", "testing", "tests", "wrapt-stubs"}
# Powertools' web page for OpenAPI documents: half a megabyte that nobody here serves.
_LEFT_OUT_FILES = {"swagger-ui-bundle.min.js", "swagger-ui.min.css"}
_LEFT_OUT_SUFFIXES = {".c", ".pth", ".pyi", ".typed"}
# The rest of a dist-info folder serves installers; importlib.metadata reads only these.
_METADATA = {"METADATA", "entry_points.txt"}


def needed_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each file below `folder` that a running function may need: its name in the zip, its path."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and _is_needed(PurePosixPath(name)):
            yield name.as_posix(), path


def source_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The needed files that people wrote: bytecode is whoever's ran them last."""
    return (found for found in needed_files(folder) if found[1].suffix != ".pyc")


def _is_needed(name: PurePosixPath) -> bool:
    *folders, last = name.parts
    if folders and folders[0].endswith(".dist-info"):
        return last in _METADATA
    if last in _LEFT_OUT_FILES or name.suffix in _LEFT_OUT_SUFFIXES:
        return False
    return not _LEFT_OUT_FOLDERS.intersection(folders)
