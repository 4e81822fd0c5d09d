"""Packs sdists and wheels anew, so that their bytes depend only on their files.

The formats: https://packaging.python.org/en/latest/specifications/source-distribution-format/ and
https://packaging.python.org/en/latest/specifications/binary-distribution-format/, which asks for a
wheel's own metadata at its end.
"""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)
_EPOCH_SECONDS = 315532800
_FILE, _PROGRAM, _EXECUTABLE = 0o644, 0o755, 0o111


def repack_sdist(path: Path) -> None:
    """Rewrite a .tar.gz with sorted members, fixed times, owners and modes."""
    content = io.BytesIO()
    with (
        tarfile.open(path) as old,
        tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            kept = _plain(member)
            new.addfile(kept, old.extractfile(member) if member.isfile() else None)
    with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(content.getvalue())


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    kept = tarfile.TarInfo(member.name)
    kept.type, kept.linkname, kept.size = member.type, member.linkname, member.size
    kept.mode = _PROGRAM if member.isdir() or member.mode & _EXECUTABLE else _FILE
    kept.mtime = _EPOCH_SECONDS
    return kept


def repack_wheel(path: Path) -> None:
    """Rewrite a wheel with sorted members, fixed times and modes."""
    with zipfile.ZipFile(path) as old:
        members = [(member, old.read(member)) for member in old.infolist() if not member.is_dir()]
    members.sort(key=lambda entry: (".dist-info/" in entry[0].filename, entry[0].filename))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for member, content in members:
            kept = zipfile.ZipInfo(member.filename, _EPOCH)
            kept.compress_type, kept.create_system = zipfile.ZIP_DEFLATED, 3
            executable = (member.external_attr >> 16) & _EXECUTABLE
            kept.external_attr = (0o100000 | (_PROGRAM if executable else _FILE)) << 16
            new.writestr(kept, content)
