"""Makes one folder of the two sides of an overlay, and folders that any job can build upon.

What is read here was written by jobs: links are never followed, and nothing but files, folders and
links is kept.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")
"""Of a folder that hides the lower one: https://docs.kernel.org/filesystems/overlayfs.html."""
_FOR_ALL = stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH
_EXECUTABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def open_to_all(folder: Path) -> None:
    """Let every user read and change what is in the folder, and remove what is no file, folder or
    link. Whiteouts stay: `merge` reads them.

    Each job of a root runner has a user of its own. It changes its own layer only, since no job
    reaches the folder but as the lower side of an overlay.
    """
    for path in (folder, *_walk(folder)):
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode):
            path.chmod(_FOR_ALL | _EXECUTABLE)
        elif stat.S_ISREG(found.st_mode):
            runs = _EXECUTABLE if found.st_mode & stat.S_IXUSR else 0
            path.chmod(_FOR_ALL | runs)
        elif not stat.S_ISLNK(found.st_mode) and not _is_whiteout(found):
            path.unlink()


def merge(lower: Path, upper: Path, into: Path) -> None:
    """Make the new folder `into` what a job saw: links to the files of `lower`, and the files of
    `upper`, which are moved. All three are on one disk. Raises OSError.
    """
    _link_tree(lower, into)
    for path in _walk(upper):
        target = into / path.relative_to(upper)
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode):
            _lay_folder(path, target)
        else:
            _clear(target)
            if not _is_whiteout(found):
                path.rename(target)


def _walk(folder: Path) -> Iterator[Path]:
    """All that is in the folder, each folder before what is in it."""
    for entry in sorted(folder.iterdir()):
        is_folder = stat.S_ISDIR(entry.lstat().st_mode)
        yield entry  # which may be gone then
        if is_folder:
            yield from _walk(entry)


def _link_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, copy_function=os.link)


def _lay_folder(path: Path, target: Path) -> None:
    is_folder = not target.is_symlink() and target.is_dir()
    if not is_folder or _is_opaque(path):
        _clear(target)
        target.mkdir()
    target.chmod(_FOR_ALL | _EXECUTABLE)


def _clear(target: Path) -> None:
    if target.is_symlink() or not target.is_dir():
        target.unlink(missing_ok=True)
    else:
        shutil.rmtree(target)


def _is_opaque(folder: Path) -> bool:
    return any(name in _OPAQUE for name in os.listxattr(folder, follow_symlinks=False))


def _is_whiteout(found: os.stat_result) -> bool:
    """Whether it stands for something of the lower side that the job has removed."""
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0
