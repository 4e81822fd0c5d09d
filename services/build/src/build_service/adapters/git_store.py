"""Holds the objects of a fetch in memory, and counts what they will take before they take it.

A pack is compressed twice: each object by zlib, and many as a delta of another. So a few kilobytes
may stand for terabytes, and small deltas of a large object for hours of copying. Every object of a
pack states its size, and dulwich refuses one that has another; so the stated sizes are added up
first. Format: https://git-scm.com/docs/gitformat-pack.
"""

from collections.abc import Callable
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from dulwich.object_store import MemoryObjectStore
from dulwich.pack import DELTA_TYPES, OFS_DELTA, PackData, PackInflater, unpack_object_at

from build_service.domain.errors import SourceError, SourceTooLargeError

MOST_OBJECTS = 500_000
COPIES = 4
"""How many times the limit of bytes may be read to apply deltas."""
_IN_MEMORY = 16 << 20
_HEADER = 12
_LONGEST_NUMBER = 10
"""Bytes of a number that fits into 64 bits. Reading a longer one takes time that grows with its
square."""


class BoundedStore(MemoryObjectStore):
    """Takes packs of at most `most_bytes`, packed as well as unpacked."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__()
        self._most_bytes = most_bytes

    def add_pack(self) -> Any:
        """A file for the pack, a function that adds its objects, and one that drops it.

        The file and the first function raise SourceTooLargeError beyond the limits.
        """
        # Who writes the pack ends with one of the two functions, and these close the file.
        spool = cast("IO[bytes]", SpooledTemporaryFile(_IN_MEMORY, prefix="pack-"))  # noqa: SIM115

        def commit() -> None:
            with spool:
                if size := spool.tell():
                    self._add(spool, size)

        return _BoundedFile(spool, self._most_bytes), commit, spool.close

    def _add(self, spool: IO[bytes], size: int) -> None:
        spool.seek(0)
        with PackData.from_file(spool, self.object_format, size) as pack:
            pack.check()
            for each in _CountingInflater.of(pack, self, self._most_bytes):
                self.add_object(each)


@dataclass(frozen=True)
class _BoundedFile:
    """Where a pack is written to."""

    file: IO[bytes]
    most_bytes: int

    def write(self, data: bytes) -> int:
        """Write a piece. Raises SourceTooLargeError beyond the limit."""
        if self.file.tell() + len(data) > self.most_bytes:
            raise SourceTooLargeError(f"the commit has more than {self.most_bytes:,} bytes, packed")
        return self.file.write(data)

    def tell(self) -> int:
        """The bytes so far."""
        return self.file.tell()


class _CountingInflater(PackInflater):
    """Inflates the objects of a pack after all of their sizes were counted."""

    @classmethod
    def of(cls, pack: PackData, store: BoundedStore, most_bytes: int) -> "_CountingInflater":
        """The objects. Raises SourceTooLargeError if they are too many or too large."""
        hash_of = pack.object_format.hash_func
        inflater = cls(
            None, hash_of, resolve_ext_ref=store.get_raw, object_format=pack.object_format
        )
        inflater.set_pack_data(pack)
        inflater._record_all(len(pack), hash_of, most_bytes)
        return inflater

    def _record_all(self, count: int, hash_of: Callable[[], Any], most_bytes: int) -> None:
        if count > MOST_OBJECTS:
            raise SourceTooLargeError(f"the commit has more than {MOST_OBJECTS:,} objects of git")
        contents = self._contents or b""
        size = copied = 0
        offset = _HEADER
        for _ in range(count):
            size += _stated_size(contents, offset)
            _refuse_beyond(most_bytes, size, copied)
            unpacked, offset = unpack_object_at(contents, offset, hash_of)
            if unpacked.pack_type_num in DELTA_TYPES:
                source, target = _sizes_in(b"".join(unpacked.decomp_chunks))
                size, copied = size + target, copied + source
                _refuse_beyond(most_bytes, size, copied)
            self.record(unpacked)


def _refuse_beyond(most_bytes: int, size: int, copied: int) -> None:
    if size > most_bytes or copied > COPIES * most_bytes:
        raise SourceTooLargeError(f"the commit has more than {most_bytes:,} bytes, unpacked")


def _stated_size(contents: Any, offset: int) -> int:
    """The size in the header of the object there."""
    number, end = _number(contents, offset)
    # The first byte has the type between its four bits and the flag.
    first, rest = number & 0x7F, number >> 7
    if first >> 4 == OFS_DELTA:
        _number(contents, end)
    return (first & 0x0F) | rest << 4


def _sizes_in(delta: bytes) -> tuple[int, int]:
    """The sizes of what a delta applies to, and of what it makes."""
    source, end = _number(delta, 0)
    return source, _number(delta, end)[0]


def _number(contents: Any, offset: int) -> tuple[int, int]:
    """The number there, seven bits a byte, and where it ends."""
    value = 0
    for place in range(_LONGEST_NUMBER):
        byte = contents[offset + place]
        value |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            return value, offset + place + 1
    raise SourceError("the server sends a pack that git would not write")
