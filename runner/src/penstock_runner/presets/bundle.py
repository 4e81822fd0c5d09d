"""Zips whose bytes depend only on the names, contents and executable bits of their files."""

import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from penstock_runner.presets.errors import PresetError

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_FILE, _PROGRAM = 0o100644, 0o100755

_LEFT_OUT_FOLDERS = {"__pycache__", "__tests__", "node_modules", "test", "tests", "venv"}
_LEFT_OUT_NAMES = {"conftest.py"}
_INSTALLERS = {".bin", ".cache", ".git", ".package-lock.json"}
_LEFT_OUT_SUFFIXES = {".pyc", ".pyo"}


def component_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The names in the zip and the paths of the files that a component needs at run time.

    Leaves out tests, caches, virtual environments and hidden files.
    """
    for path in _walk(folder):
        name = PurePosixPath(path.relative_to(folder).as_posix())
        if _runs(name) and path.is_file():
            yield str(name), path


def vendored_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The same for installed packages, without the files of installers."""
    for path in _walk(folder):
        name = PurePosixPath(path.relative_to(folder).as_posix())
        if _is_used(name) and path.is_file():
            yield str(name), path


def package_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The names in the zip and the paths of the installed packages of a `node_modules`.

    npm links packages of the same repository, so links to folders are followed.
    """
    for root, folders, names in os.walk(folder, followlinks=True):
        # A link to a folder that it is in has no end.
        here = Path(root).resolve()
        folders[:] = [
            name
            for name in folders
            if name not in _INSTALLERS and not here.is_relative_to((here / name).resolve())
        ]
        for name in names:
            if name not in _INSTALLERS and (path := Path(root, name)).is_file():
                yield path.relative_to(folder.parent).as_posix(), path


def all_files(folder: Path) -> dict[str, Path]:
    """Every file below a folder, by its name in it."""
    found = ((path.relative_to(folder).as_posix(), path) for path in _walk(folder))
    return {name: path for name, path in found if path.is_file()}


def without_folder(files: Mapping[str, Path], folder: str) -> dict[str, Path]:
    """The files, with those of a folder one level higher."""
    return {name.removeprefix(f"{folder}/"): path for name, path in files.items()}


def merge(*parts: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """All files together. Raises PresetError if two different files have the same name."""
    files: dict[str, Path] = {}
    for name, path in (file for part in parts for file in part):
        known = files.setdefault(name, path)
        if known != path and known.read_bytes() != path.read_bytes():
            raise PresetError(f"{name} comes from both {known} and {path}; rename one of them")
    return files


def write_zip(files: Mapping[str, Path], output: Path) -> None:
    """Write the files, sorted by name, with fixed times and modes."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bundle:
        for name in sorted(files):
            bundle.writestr(_entry(name, files[name]), files[name].read_bytes())


def _entry(name: str, path: Path) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = _UNIX
    entry.external_attr = (_PROGRAM if os.access(path, os.X_OK) else _FILE) << 16
    return entry


def _walk(folder: Path) -> Iterator[Path]:
    """Every file below, including links to files; links to folders are not followed."""
    for root, _, names in os.walk(folder):
        yield from (Path(root, name) for name in names)


def _runs(name: PurePosixPath) -> bool:
    *folders, last = name.parts
    if any(part.startswith(".") for part in name.parts):
        return False
    if _LEFT_OUT_FOLDERS.intersection(folders) or name.suffix in _LEFT_OUT_SUFFIXES:
        return False
    return last not in _LEFT_OUT_NAMES and not _is_test(name)


def _is_test(name: PurePosixPath) -> bool:
    if name.suffix == ".py":
        return name.stem.startswith("test_") or name.stem.endswith("_test")
    return PurePosixPath(name.stem).suffix in {".test", ".spec"}


def _is_used(name: PurePosixPath) -> bool:
    first, *rest = name.parts
    if first.endswith(".dist-info"):
        return rest in (["METADATA"], ["entry_points.txt"])
    hidden_or_programs = first.startswith(".") or (first == "bin" and bool(rest))
    # Python reads .pth files in its own site-packages only, which the root of a zip is not.
    dead = "__pycache__" in name.parts or (not rest and name.suffix == ".pth")
    return not hidden_or_programs and not dead
