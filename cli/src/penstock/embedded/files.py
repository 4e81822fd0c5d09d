"""Files that other processes read while they are written, and whose they are."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def replace_text(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace the file atomically: a reader sees the old text or the new one, never a part."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    # Never, not even while it is written, may others read it.
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    fresh.replace(path)


def is_private(folder: Path) -> bool:
    """Whether nobody but its owner can enter the folder."""
    return not folder.stat().st_mode & _OTHERS


def close_to_others(folder: Path) -> None:
    """Take all rights of others from the folder and everything in it, the folder itself first."""
    for path in (folder, *_below(folder)):
        with suppress(FileNotFoundError):  # whoever runs there removes files
            mode = path.lstat().st_mode
            if mode & _OTHERS and not stat.S_ISLNK(mode):
                path.chmod(stat.S_IMODE(mode) & ~_OTHERS)


def _below(folder: Path) -> Iterator[Path]:
    for top, folders, files in os.walk(folder):
        yield from (Path(top) / name for name in (*folders, *files))
