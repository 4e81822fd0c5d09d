"""Unpacks source archives, which are as untrusted as the code in them."""

import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from penstock_runner.errors import JobError, UnsafePathError

UNPACKED_LIMIT = 4 << 30
"""Bytes; an archive that unpacks to more is refused."""
MEMBER_LIMIT = 500_000


def unpack(archive: IO[bytes], folder: Path) -> None:
    """Unpack a tar.gz into `folder`.

    Raises UnsafePathError for a member or link that leaves the folder, JobError for an archive
    that is damaged or too large.
    """
    try:
        with tarfile.open(fileobj=archive, mode="r:gz") as members:
            members.extractall(folder, filter=_Gate())  # noqa: S202  # the filter is the validation
    except tarfile.FilterError as error:
        raise UnsafePathError(f"the archive is refused: {error}") from error
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise JobError(f"the archive cannot be unpacked: {error}") from error


@dataclass
class _Gate:
    """Lets a member pass or raises. On top of tarfile's own `data` rules it lets nothing be
    written through a link that the archive brought: in some Pythons those rules can be tricked by
    links to very long paths (CVE-2025-4517).
    """

    links: set[PurePosixPath] = field(default_factory=set)
    members: int = 0
    size: int = 0

    def __call__(self, member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
        self._weigh(member)
        path = PurePosixPath(member.name)
        self._refuse_beneath_link(path)
        if member.islnk():
            self._refuse_beneath_link(PurePosixPath(member.linkname) / "-")
        if member.issym():
            self.links.add(_normal(path))
        return tarfile.data_filter(member, folder)

    def _weigh(self, member: tarfile.TarInfo) -> None:
        self.members += 1
        self.size += member.size
        if self.size > UNPACKED_LIMIT or self.members > MEMBER_LIMIT:
            raise JobError(
                f"the archive holds more than {UNPACKED_LIMIT:,} bytes or {MEMBER_LIMIT:,} files"
            )

    def _refuse_beneath_link(self, path: PurePosixPath) -> None:
        if ".." in path.parts:
            raise UnsafePathError(f"the archive is refused: {path} has .. in it")
        if not self.links.isdisjoint(_normal(path).parents):
            raise UnsafePathError(f"the archive is refused: {path} leads through a link")


def _normal(path: PurePosixPath) -> PurePosixPath:
    return PurePosixPath(*(part for part in path.parts if part != "/"))
