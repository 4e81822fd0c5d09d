"""Zips whose bytes depend on their content only."""

import os
import stat
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

_EARLIEST = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_MODE = stat.S_IFREG | 0o644


def write_archive(archive: Path, files: Mapping[str, Path]) -> None:
    """Write the files, keyed by their names in the zip, and replace `archive` atomically."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    descriptor, fresh = tempfile.mkstemp(dir=archive.parent, prefix=f".{archive.name}-")
    try:
        with os.fdopen(descriptor, "wb") as stream, zipfile.ZipFile(stream, "w") as target:
            for name in sorted(files):
                target.writestr(_entry(name), files[name].read_bytes(), compresslevel=6)
        Path(fresh).chmod(0o644)
        Path(fresh).replace(archive)
    finally:
        Path(fresh).unlink(missing_ok=True)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EARLIEST)
    entry.create_system = _UNIX
    entry.external_attr = _MODE << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
