"""A git pack that grows by the contents of a job's files.

Formats: https://git-scm.com/docs/gitformat-pack (version 2 of both the pack and its index).
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha1

from penstock_runner.errors import JobError

_HEADER = struct.Struct(">4sLL")
_INDEX_START = struct.pack(">4sL", b"\xfftOc", 2)
_FANOUT = struct.Struct(">256L")
_ID = 20
"""Bytes of an object's name and of a checksum."""
_BLOB = 3
_FAR = 1 << 31
"""Offsets from here on are written in a table of their own."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An object of a pack: its name, the checksum of its bytes there, and where they begin."""

    name: bytes
    crc: int
    offset: int


@dataclass(frozen=True)
class Frame:
    """The pack that every job of a snapshot has: the bytes of its entries, and what they are."""

    body: bytes
    entries: Sequence[Entry]

    @classmethod
    def read(cls, pack: bytes, index: bytes) -> "Frame":
        """Read a pack with its index. Raises JobError if they are of another version."""
        signature, version, count = _HEADER.unpack_from(pack)
        if (signature, version) != (b"PACK", 2) or not index.startswith(_INDEX_START):
            raise JobError("the snapshot was made by another version of Penstock; push again")
        names = len(_INDEX_START) + _FANOUT.size
        crcs = names + count * _ID
        offsets = struct.unpack_from(f">{count}L", index, crcs + count * 4)
        found = zip(
            (index[names + n * _ID : names + (n + 1) * _ID] for n in range(count)),
            struct.unpack_from(f">{count}L", index, crcs),
            offsets,
            strict=True,
        )
        return cls(pack[_HEADER.size : -_ID], [Entry(*each) for each in found])


@dataclass(frozen=True)
class Blob:
    """The content of one file: its object's name in hex, its size, and its bytes in chunks."""

    object_id: str
    size: int
    content: Callable[[], Iterable[bytes]]


@dataclass
class GrownPack:
    """The objects of a frame and of some blobs, as one pack."""

    frame: Frame
    blobs: Sequence[Blob]
    _added: list[Entry] = field(default_factory=list)
    _checksum: bytes = b""

    @property
    def name(self) -> str:
        """The file's name without suffix, from the names of its objects."""
        names = sorted([*(entry.name for entry in self.frame.entries), *map(_name, self.blobs)])
        return f"pack-{sha1(b''.join(names), usedforsecurity=False).hexdigest()}"

    def content(self) -> Iterator[bytes]:
        """The pack, in chunks."""
        checksum = sha1(usedforsecurity=False)
        for chunk in self._unsigned():
            checksum.update(chunk)
            yield chunk
        self._checksum = checksum.digest()
        yield self._checksum

    def _unsigned(self) -> Iterator[bytes]:
        yield _HEADER.pack(b"PACK", 2, len(self.frame.entries) + len(self.blobs))
        yield self.frame.body
        offset = _HEADER.size + len(self.frame.body)
        for blob in self.blobs:
            crc, begin = 0, offset
            for chunk in _entry_of(blob):
                crc = zlib.crc32(chunk, crc)
                offset += len(chunk)
                yield chunk
            self._added.append(Entry(_name(blob), crc, begin))

    def index(self) -> bytes:
        """The pack's index. Valid once the whole content was read."""
        entries = sorted([*self.frame.entries, *self._added], key=lambda entry: entry.name)
        written = b"".join((
            _INDEX_START,
            _FANOUT.pack(*_counts(entries)),
            *(entry.name for entry in entries),
            struct.pack(f">{len(entries)}L", *(entry.crc for entry in entries)),
            *_offsets(entries),
            self._checksum,
        ))  # fmt: skip
        return written + sha1(written, usedforsecurity=False).digest()


def _name(blob: Blob) -> bytes:
    return bytes.fromhex(blob.object_id)


def _entry_of(blob: Blob) -> Iterator[bytes]:
    """The object in a pack. It is not compressed: it lives as long as a job."""
    yield _header_of(blob.size)
    packed = zlib.compressobj(level=0)
    for chunk in blob.content():
        yield packed.compress(chunk)
    yield packed.flush()


def _header_of(size: int) -> bytes:
    """The type and the size: four bits of it first, then seven a byte, the lowest first."""
    written = bytearray([_BLOB << 4 | size & 15])
    size >>= 4
    while size:
        written[-1] |= 0x80
        written.append(size & 0x7F)
        size >>= 7
    return bytes(written)


def _counts(entries: Iterable[Entry]) -> list[int]:
    """For each first byte, the number of objects whose names begin with it or a lower one."""
    counts = [0] * 256
    for entry in entries:
        counts[entry.name[0]] += 1
    for value in range(1, 256):
        counts[value] += counts[value - 1]
    return counts


def _offsets(entries: Sequence[Entry]) -> tuple[bytes, bytes]:
    far = [entry.offset for entry in entries if entry.offset >= _FAR]
    places = {offset: _FAR | number for number, offset in enumerate(far)}
    near = [places.get(entry.offset, entry.offset) for entry in entries]
    return struct.pack(f">{len(near)}L", *near), struct.pack(f">{len(far)}Q", *far)
