"""Unpacks source archives. They are untrusted, like the code in them.

tarfile's extraction filters are missing in early versions of Python 3.11, so the rules are here.
"""

import os
import stat
import tarfile
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from shutil import copyfileobj
from typing import IO

from penstock_runner.errors import JobError, UnsafePathError

UNPACKED_LIMIT = 4 << 30
"""Bytes; an archive that unpacks to more is refused."""
MEMBER_LIMIT = 500_000
_FILE, _PROGRAM = 0o644, 0o755
_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def unpack(archive: IO[bytes], folder: Path) -> None:
    """Unpack the files, folders and links of a tar.gz into `folder`, with their times.

    Members with time 0 get the current time. Raises UnsafePathError for a member or link that
    leaves the folder, JobError for an archive that is damaged or too large.
    """
    try:
        with tarfile.open(fileobj=archive, mode="r:gz") as members:
            _Unpacking(members, folder.resolve()).run()
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        raise JobError(f"the archive cannot be unpacked: {error}") from error


@dataclass
class _Unpacking:
    """Unpacks one archive into `folder`. Never writes through a link of the archive."""

    archive: tarfile.TarFile
    folder: Path
    times: dict[Path, float] = field(default_factory=dict)
    """The folders that were made or filled, with the time to set at the end."""
    links: set[PurePosixPath] = field(default_factory=set)
    members: int = 0
    size: int = 0

    def run(self) -> None:
        """Write all members."""
        for member in self.archive:
            self._weigh(member)
            path = _normal(member.name)
            self._refuse_beneath_link(path)
            self._write(member, path)
        for folder, time in self.times.items():
            _date(folder, time)

    def _weigh(self, member: tarfile.TarInfo) -> None:
        self.members += 1
        self.size += member.size
        if self.size > UNPACKED_LIMIT or self.members > MEMBER_LIMIT:
            raise JobError(
                f"the archive holds more than {UNPACKED_LIMIT:,} bytes or {MEMBER_LIMIT:,} files"
            )

    def _refuse_beneath_link(self, path: PurePosixPath) -> None:
        if ".." in path.parts:
            raise _refused(f"{path} has .. in it")
        if not self.links.isdisjoint(path.parents):
            raise _refused(f"{path} leads through a link")

    def _write(self, member: tarfile.TarInfo, path: PurePosixPath) -> None:
        target = self.folder / path
        if member.isdir():
            self._make(target, member.mtime)
            return
        self._make(target.parent, member.mtime)
        if member.isreg():
            self._write_file(member, target)
        elif member.issym():
            self.links.add(path)
            self._write_link(member, target)
        elif member.islnk():
            self._write_hard_link(member, target)
        else:
            raise _refused(f"{path} is neither a file nor a folder nor a link")

    def _make(self, folder: Path, time: float) -> None:
        if folder not in self.times:
            folder.mkdir(parents=True, exist_ok=True)
            self.times[folder] = time
            if folder != self.folder:
                self._make(folder.parent, time)

    def _write_file(self, member: tarfile.TarInfo, target: Path) -> None:
        content = self.archive.extractfile(member)
        with os.fdopen(_fresh(target, member.mode), "wb") as file:
            if content:
                copyfileobj(content, file)
        _date(target, member.mtime)

    def _write_link(self, member: tarfile.TarInfo, target: Path) -> None:
        leads_to = os.path.realpath(target.parent / member.linkname)
        inside = os.path.commonpath((leads_to, self.folder)) == str(self.folder)
        if member.linkname.startswith("/") or not inside:
            raise _refused(f"{member.name} is a link that leads out, to {member.linkname}")
        _make_room(target)
        target.symlink_to(member.linkname)
        _date(target, member.mtime)

    def _write_hard_link(self, member: tarfile.TarInfo, target: Path) -> None:
        same = _normal(member.linkname)
        self._refuse_beneath_link(same / "-")
        _make_room(target)
        target.hardlink_to(self.folder / same)


def _refused(reason: str) -> UnsafePathError:
    return UnsafePathError(f"the archive is refused: {reason}")


def _fresh(target: Path, mode: int) -> int:
    allowed = _PROGRAM if mode & stat.S_IXUSR else _FILE
    try:
        return os.open(target, _FRESH, allowed)
    except FileExistsError:
        _make_room(target)
        return os.open(target, _FRESH, allowed)


def _date(path: Path, time: float) -> None:
    if time:
        os.utime(path, (time, time), follow_symlinks=False)


def _make_room(target: Path) -> None:
    with suppress(FileNotFoundError):
        target.unlink()


def _normal(name: str) -> PurePosixPath:
    return PurePosixPath(*(part for part in PurePosixPath(name).parts if part != "/"))
