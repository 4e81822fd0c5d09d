"""The folders that the jobs of an embedded stack run in.

They lie among the machine's temporary files, not below a checkout or a home: tools look for
configuration in every folder above the one they run in.
"""

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from penstock.embedded.errors import EmbeddedError

_LASTING = Path("/var/tmp")  # noqa: S108  # checked for its owner before it is used
_OWNER = "home"
"""The file in the work folder that names its home."""
_PLACE = "work-folder"
"""The file in the home that names the work folder."""


@dataclass(frozen=True)
class WorkFolder:
    """The work folder of the stack whose state is in `home`."""

    path: Path
    home: Path

    def make(self) -> None:
        """Make the folder, for this user only, and remove those of homes that no longer exist.

        Raises EmbeddedError when the folder belongs to another user.
        """
        for stale in _stale(self.path.parent):
            shutil.rmtree(stale, ignore_errors=True)
        self.path.mkdir(mode=0o700, exist_ok=True)
        if not _is_ours(self.path):
            raise EmbeddedError(
                f"{self.path} belongs to somebody else, so no job can run there. "
                "Remove it, or set TMPDIR to a folder of your own."
            )
        (self.path / _OWNER).write_text(str(self.home))
        (self.home / _PLACE).write_text(str(self.path))

    def remove(self) -> None:
        """Remove the folder and everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        (self.home / _PLACE).unlink(missing_ok=True)


def work_folder_of(home: Path) -> WorkFolder:
    """The work folder of a home: the recorded one, even if TMPDIR has changed since."""
    with suppress(FileNotFoundError):
        return WorkFolder(Path((home / _PLACE).read_text()), home)
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    return WorkFolder(_parent() / f"{_prefix()}{name}", home)


def _parent() -> Path:
    """Not /tmp if there is /var/tmp: /tmp may be held in memory."""
    if "TMPDIR" not in os.environ and os.access(_LASTING, os.W_OK):
        return _LASTING
    return Path(tempfile.gettempdir()).resolve()


def _prefix() -> str:
    return f"penstock-{os.getuid()}-"


def _stale(parent: Path) -> Iterator[Path]:
    for folder in parent.glob(f"{_prefix()}*"):
        owner = folder / _OWNER
        if _is_ours(folder) and owner.is_file() and not Path(owner.read_text()).exists():
            yield folder


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    others_may_write = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not others_may_write
