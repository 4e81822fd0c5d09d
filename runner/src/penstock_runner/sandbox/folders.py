"""The folders of the machine that jobs can read: the system's, and those of tools."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

SYSTEM = ("/usr", "/etc", "/opt", "/nix/store", "/gnu/store")
LINKED = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Folders on old systems, links into /usr on others."""
_PROGRAMS = {"bin", "sbin", "shims"}
_PARTS = (
    "bin", "installs", "lib", "lib64", "libexec", "include", "plugins", "pyvenv.cfg", "sbin",
    "shims", "toolchains", "version", "versions",
)  # fmt: skip
"""The parts of a tool's folder in a home that jobs can read. Credentials, caches and settings are
not among them: ~/.cargo/bin may be on the PATH, and ~/.cargo/credentials.toml lies beside it."""


def tool_folders(path: str, home: Path) -> list[Path]:
    """The folders that the programs of a search path need, except for the system's.

    Follows links: the program of one folder may be installed in another.
    """
    found: dict[Path, None] = {}
    for name in path.split(os.pathsep):
        for folder in _needed_by(Path(name), home):
            found.setdefault(folder)
    return _outermost(found)


def _needed_by(folder: Path, home: Path) -> Iterator[Path]:
    if not folder.is_absolute() or not folder.is_dir():
        return
    yield from _installation(folder, home)
    try:
        targets = {entry.resolve().parent for entry in folder.iterdir() if entry.is_symlink()}
    except (OSError, RuntimeError):
        return
    for target in {folder.resolve(), *targets} - {folder}:
        if target.is_dir():
            yield from _installation(target, home)


def _installation(folder: Path, home: Path) -> Iterator[Path]:
    """The folders of the installation whose programs are in `folder`."""
    if _is_system(folder) or home.is_relative_to(folder):
        return
    top = folder.parent
    if folder.name not in _PROGRAMS or home.is_relative_to(top):
        yield folder
    elif top.parent == home:
        yield from (top / part for part in _PARTS if (top / part).exists())
    else:
        yield top


def _is_system(folder: Path) -> bool:
    return any(folder.is_relative_to(name) for name in (*SYSTEM, *LINKED))


def _outermost(folders: Iterable[Path]) -> list[Path]:
    kept: list[Path] = []
    for folder in sorted(folders):
        if not any(folder.is_relative_to(other) for other in kept):
            kept.append(folder)
    return kept


def system_binds() -> list[str]:
    """Arguments of bubblewrap for the system's folders, read-only."""
    binds: list[str] = []
    for name in SYSTEM:
        if Path(name).is_dir():
            binds += ["--ro-bind", name, name]
    for name in LINKED:
        if Path(name).is_symlink():
            binds += ["--symlink", str(Path(name).readlink()), name]
        elif Path(name).is_dir():
            binds += ["--ro-bind", name, name]
    return binds


def read_only(folders: Sequence[Path]) -> list[str]:
    """Arguments of bubblewrap for these folders; missing ones are ignored."""
    return [part for folder in folders for part in ("--ro-bind-try", str(folder), str(folder))]


def parents_of(folders: Sequence[Path]) -> list[str]:
    """Arguments of bubblewrap for readable parents of these folders; its default is unreadable."""
    parents = {parent: None for folder in folders for parent in reversed(folder.parents)}
    missing = [str(parent) for parent in parents if not _is_system(parent) and parent.name]
    return [part for name in missing for part in ("--perms", "0755", "--dir", name)]
