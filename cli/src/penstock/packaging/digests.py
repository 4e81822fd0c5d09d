"""Digests of inputs: what has not changed is not made again."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from penstock.packaging.files import source_files


def digest_of(parts: Iterable[bytes]) -> str:
    """The SHA-256 of the parts in their order, in hex; each part is delimited by its length."""
    sha256 = hashlib.sha256()
    for part in parts:
        sha256.update(len(part).to_bytes(8, "big"))
        sha256.update(part)
    return sha256.hexdigest()


def digest_of_folders(folders: Iterable[Path]) -> str:
    """The digest of every needed file below the folders: its name and its content."""
    files = (found for folder in folders for found in source_files(folder))
    return digest_of(part for name, path in files for part in (name.encode(), path.read_bytes()))


def digest_of_packager() -> str:
    """The digest of this package's own source: a changed packager makes everything anew."""
    return digest_of_folders([Path(__file__).parent])
