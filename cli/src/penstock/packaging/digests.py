"""Digests of inputs: unchanged inputs are not packaged again."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from penstock.packaging.files import source_files


def digest_of(parts: Iterable[bytes]) -> str:
    """The SHA-256 of the parts in order, in hex; the length of each part delimits it."""
    sha256 = hashlib.sha256()
    for part in parts:
        sha256.update(len(part).to_bytes(8, "big"))
        sha256.update(part)
    return sha256.hexdigest()


def digest_of_folders(folders: Iterable[Path]) -> str:
    """The digest of the names and contents of all source files below the folders."""
    files = (found for folder in folders for found in source_files(folder))
    return digest_of(part for name, path in files for part in (name.encode(), path.read_bytes()))


def digest_of_packager() -> str:
    """The digest of this package's own source: a changed packager repackages everything."""
    return digest_of_folders([Path(__file__).parent])
