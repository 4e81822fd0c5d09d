"""The index of a git work tree that has only a part of its commit's files.

Format: https://git-scm.com/docs/gitformat-index. Build writes version 2; entries that git shall not
expect in the work tree need the extended flags of version 3.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha1

from penstock_runner.errors import JobError

_HEADER = struct.Struct(">4sLL")
_ENTRY = struct.Struct(">24xL12x20sH")
"""Mode, object id and flags; between them times, device, owner and size."""
_EXTENDED = 0x4000
_SKIPPED = struct.pack(">H", 0x4000)
_EXPECTED = struct.pack(">H", 0)
_SUBMODULE = 0o160000
_CHECKSUM = 20


@dataclass(frozen=True)
class IndexEntry:
    """A file of the commit: its object in hex, and where the index says whether it is skipped."""

    object_id: str
    is_submodule: bool
    place: int


@dataclass(frozen=True)
class GitIndex:
    """An index that expects none of its files, and its entries by path."""

    content: bytes
    entries: Mapping[str, IndexEntry]

    @classmethod
    def read(cls, content: bytes) -> "GitIndex":
        """Read a version 2. Raises JobError if it is another."""
        signature, version, count = _HEADER.unpack_from(content)
        if (signature, version) != (b"DIRC", 2):
            raise JobError("the snapshot was made by another version of Penstock; push again")
        written = bytearray(_HEADER.pack(b"DIRC", 3, count))
        entries: dict[str, IndexEntry] = {}
        at = _HEADER.size
        for _ in range(count):
            mode, object_id, flags = _ENTRY.unpack_from(content, at)
            flags_at = at + _ENTRY.size - 2
            end = content.index(b"\0", at + _ENTRY.size)
            name = content[at + _ENTRY.size : end]
            written += content[at:flags_at] + struct.pack(">H", flags | _EXTENDED)
            entry = IndexEntry(object_id.hex(), mode == _SUBMODULE, len(written))
            entries[name.decode(errors="surrogateescape")] = entry
            written += _padded(_SKIPPED + name, _ENTRY.size)
            at += _ENTRY.size + len(_padded(name, _ENTRY.size))
        return cls(bytes(written), entries)

    def expecting(self, paths: Iterable[str]) -> bytes:
        """The index as git writes it for a work tree that has these files only."""
        content = bytearray(self.content)
        for path in paths:
            place = self.entries[path].place
            content[place : place + len(_EXPECTED)] = _EXPECTED
        return bytes(content) + sha1(content, usedforsecurity=False).digest()


def _padded(name: bytes, before: int) -> bytes:
    """The rest of an entry, with the NULs that make its length a multiple of eight bytes."""
    length = before + len(name)
    return name + bytes(8 - length % 8)
