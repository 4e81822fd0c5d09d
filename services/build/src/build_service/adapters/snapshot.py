"""Writes the snapshot that jobs unpack: a tar.gz whose bytes depend only on the commit."""

import gzip
import io
import stat
import tarfile
from collections.abc import Iterable, Mapping

from build_service.adapters.git_folder import WorkFile

_QUICKLY = 1
AT_UNPACKING = 0
"""Marks a file that gets the time of unpacking. Git trusts an index only if it is newer than the
files that it lists, so the index's own time must be that of the checkout."""


def snapshot_of(work: Iterable[WorkFile], git_folder: Mapping[str, bytes], moment: int) -> bytes:
    """The files, whose time is `moment`, and their `.git`. A submodule is an empty folder."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=_QUICKLY, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for file in work:
            _add(archive, file, moment)
        for path, content in sorted(git_folder.items()):
            member = tarfile.TarInfo(f".git/{path}".removesuffix("/"))
            member.mtime = AT_UNPACKING
            if path.endswith("/"):
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _add(archive: tarfile.TarFile, file: WorkFile, moment: int) -> None:
    member = tarfile.TarInfo(file.path)
    member.mtime = moment
    member.mode = 0o755 if file.is_program or file.is_submodule else 0o644
    if file.is_submodule:
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    elif stat.S_ISLNK(file.mode):
        member.type = tarfile.SYMTYPE
        member.linkname = file.content.decode(errors="surrogateescape")
        archive.addfile(member)
    else:
        member.size = len(file.content)
        archive.addfile(member, io.BytesIO(file.content))
