"""Unpacks source archives. They are untrusted, like the code in them.

tarfile's extraction filters are missing in early versions of Python 3.11, so the rules are here.
"""

import gzip
import os
import stat
import tarfile
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path, PurePosixPath
from typing import IO

from penstock_runner.errors import JobError, UnsafePathError

UNPACKED_LIMIT = 4 << 30
"""Bytes; an archive that unpacks to more is refused."""
MEMBER_LIMIT = 500_000
_CHUNK = 1 << 20
_FILE, _PROGRAM = 0o644, 0o755
_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class MemberKind(Enum):
    """What a member of an archive is."""

    FILE = auto()
    FOLDER = auto()
    LINK = auto()
    HARD_LINK = auto()


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive. `path` is relative. The content lies at `offset`, or is made.

    `time` 0 stands for the time of unpacking. `target` is a link's.
    """

    path: str
    kind: MemberKind
    program: bool = False
    time: float = 0
    size: int = 0
    offset: int = 0
    target: str = ""
    made: Callable[[], Iterator[bytes]] | None = None


class Archive:
    """A tar.gz, decompressed into a private file that no other process can open, and indexed.

    Threads may read it at once. The file is closed when nobody refers to the archive any more.
    """

    def __init__(self, archive: IO[bytes], folder: Path | None = None) -> None:
        """Read the whole archive; its private file is on the disk of `folder`.

        Raises UnsafePathError for a member that leaves its folder, JobError for an archive that is
        damaged or too large.
        """
        with _in_words(), tempfile.TemporaryFile(dir=folder) as private:
            self.size = _decompress(archive, private)
            self.members = _indexed(private, self.size)
            self.links = {path for path, one in self.members.items() if one.kind is MemberKind.LINK}
            self._descriptor = os.dup(private.fileno())
        weakref.finalize(self, os.close, self._descriptor)

    def read(self, member: Member) -> Iterator[bytes]:
        """The content of a file, in chunks."""
        if member.made is not None:
            yield from member.made()
            return
        offset, end = member.offset, member.offset + member.size
        while offset < end:
            chunk = os.pread(self._descriptor, min(_CHUNK, end - offset), offset)
            offset += len(chunk)
            yield chunk

    def unpack(self, folder: Path, members: Iterable[Member] | None = None) -> None:
        """Write these members, or all of them, with their times.

        Raises UnsafePathError for a link that leaves the folder, JobError for members that do not
        go together.
        """
        with _in_words():
            chosen = self.members.values() if members is None else members
            _Unpacking(self, folder.resolve()).run(chosen)


def unpack(archive: IO[bytes], folder: Path) -> None:
    """Unpack the files, folders and links of a tar.gz into `folder`. Raises as Archive does."""
    Archive(archive).unpack(folder)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        raise JobError(f"the archive cannot be unpacked: {error}") from error


def _decompress(archive: IO[bytes], into: IO[bytes]) -> int:
    """Write the tar to `into`; returns its size. Counts while it reads."""
    size = 0
    with gzip.GzipFile(fileobj=archive, mode="rb") as content:
        while chunk := content.read(_CHUNK):
            size += len(chunk)
            if size > UNPACKED_LIMIT:
                raise JobError(f"the archive holds more than {UNPACKED_LIMIT:,} bytes")
            into.write(chunk)
    into.seek(0)
    return size


def _indexed(content: IO[bytes], size: int) -> Mapping[str, Member]:
    """The members by their path. Of several with one path the last counts."""
    members: dict[str, Member] = {}
    with tarfile.open(fileobj=content, mode="r:") as archive:
        for number, info in enumerate(archive):
            if number >= MEMBER_LIMIT:
                raise JobError(f"the archive holds more than {MEMBER_LIMIT:,} files")
            member = _member(info, size)
            members[member.path] = member
    return members


def _member(info: tarfile.TarInfo, size: int) -> Member:
    path = _normal(info.name)
    if ".." in path.parts:
        raise _refused(f"{path} has .. in it")
    if info.isreg() and info.offset_data + info.size > size:
        raise JobError("the archive cannot be unpacked: it ends in the middle of a file")
    return Member(
        path=str(path),
        kind=_kind(info),
        program=bool(info.mode & stat.S_IXUSR),
        time=info.mtime,
        size=info.size if info.isreg() else 0,
        offset=info.offset_data,
        target=info.linkname,
    )


def _kind(info: tarfile.TarInfo) -> MemberKind:
    if info.isdir():
        return MemberKind.FOLDER
    if info.issym():
        return MemberKind.LINK
    if info.islnk():
        return MemberKind.HARD_LINK
    # The content of a sparse file is not as long as the file.
    if info.isreg() and not info.issparse():
        return MemberKind.FILE
    raise _refused(f"{_normal(info.name)} is neither a file nor a folder nor a link")


@dataclass
class _Unpacking:
    """Unpacks members into `folder`. Never writes through a link of the archive."""

    archive: Archive
    folder: Path
    times: dict[Path, float] = field(default_factory=dict)
    """The folders that were made or filled, with the time to set at the end."""
    links: list[Member] = field(default_factory=list)
    """The links that were made."""

    def run(self, members: Iterable[Member]) -> None:
        """Write the members."""
        for member in members:
            self._refuse_beneath_link(PurePosixPath(member.path))
            self._write(member)
        # A later link can change where an earlier one leads.
        for link in self.links:
            self._check_link(link)
        for folder, time in self.times.items():
            _date(folder, time)

    def _refuse_beneath_link(self, path: PurePosixPath) -> None:
        if ".." in path.parts:
            raise _refused(f"{path} has .. in it")
        links = self.archive.links
        if links and any(str(parent) in links for parent in path.parents):
            raise _refused(f"{path} leads through a link")

    def _write(self, member: Member) -> None:
        target = self.folder / member.path
        if member.kind is MemberKind.FOLDER:
            self._make(target, member.time)
            return
        self._make(target.parent, member.time)
        if member.kind is MemberKind.FILE:
            self._write_file(member, target)
        elif member.kind is MemberKind.LINK:
            self._write_link(member, target)
        else:
            self._write_hard_link(member, target)

    def _make(self, folder: Path, time: float) -> None:
        if folder not in self.times:
            folder.mkdir(parents=True, exist_ok=True)
            self.times[folder] = time
            if folder != self.folder:
                self._make(folder.parent, time)

    def _write_file(self, member: Member, target: Path) -> None:
        with os.fdopen(_fresh(target, program=member.program), "wb") as file:
            for chunk in self.archive.read(member):
                file.write(chunk)
        _date(target, member.time)

    def _write_link(self, member: Member, target: Path) -> None:
        self._check_link(member)
        _make_room(target)
        target.symlink_to(member.target)
        _date(target, member.time)
        self.links.append(member)

    def _check_link(self, member: Member) -> None:
        leads_to = os.path.realpath((self.folder / member.path).parent / member.target)
        inside = os.path.commonpath((leads_to, self.folder)) == str(self.folder)
        if member.target.startswith("/") or not inside:
            raise _refused(f"{member.path} is a link that leads out, to {member.target}")

    def _write_hard_link(self, member: Member, target: Path) -> None:
        same = _normal(member.target)
        self._refuse_beneath_link(same / "-")
        _make_room(target)
        target.hardlink_to(self.folder / same)


def _refused(reason: str) -> UnsafePathError:
    return UnsafePathError(f"the archive is refused: {reason}")


def _fresh(target: Path, *, program: bool) -> int:
    allowed = _PROGRAM if program else _FILE
    try:
        return os.open(target, _FRESH, allowed)
    except FileExistsError:
        _make_room(target)
        return os.open(target, _FRESH, allowed)


def _make_room(target: Path) -> None:
    with suppress(FileNotFoundError):
        target.unlink()


def _date(path: Path, time: float) -> None:
    if time:
        os.utime(path, (time, time), follow_symlinks=False)


def _normal(name: str) -> PurePosixPath:
    return PurePosixPath(*(part for part in PurePosixPath(name).parts if part != "/"))
