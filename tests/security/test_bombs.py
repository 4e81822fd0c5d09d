"""M3: a few bytes that stand for too many."""

import hashlib
import os
import subprocess
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from dulwich.objects import Blob, ObjectID, Tree
from dulwich.repo import MemoryRepo

from build_service.adapters.git_store import BoundedStore
from build_service.adapters.git_tree import refuse_bombs
from build_service.domain.errors import SourceError

LIMIT = 1_000_000
BLOB, OFS_DELTA = 3, 6


def number(value: int) -> bytes:
    """A number, seven bits a byte."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def an_object(kind: int, size: int, content: bytes, base: bytes = b"") -> bytes:
    """An object of a pack that states this size."""
    first, rest = size & 0x0F | kind << 4, size >> 4
    header = bytes([first | 0x80]) + number(rest) if rest else bytes([first])
    return header + base + zlib.compress(content, 9)


def a_pack(*objects: bytes) -> bytes:
    body = b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big") + b"".join(objects)
    return body + hashlib.sha1(body).digest()


def why_refused(pack: bytes) -> str:
    """Why the pack is refused, within a second and a few megabytes."""

    def take() -> None:
        file, commit, _ = BoundedStore(LIMIT).add_pack()
        file.write(pack)
        commit()

    return quickly_refused(take, 8 * LIMIT)


def quickly_refused(attempt: Callable[[], None], most_memory: int) -> str:
    """Why an attempt is refused, within a second and so many bytes."""
    began = time.perf_counter()
    with pytest.raises(SourceError) as raised:
        attempt()
    assert time.perf_counter() - began < 1
    tracemalloc.start()  # which takes time itself
    with pytest.raises(SourceError):
        attempt()
    assert tracemalloc.get_traced_memory()[1] < most_memory
    tracemalloc.stop()
    return str(raised.value)


def test_a_pack_of_honest_objects_is_taken() -> None:
    store = BoundedStore(LIMIT)
    file, commit, _ = store.add_pack()
    file.write(a_pack(an_object(BLOB, 5, b"hello")))

    commit()

    assert Blob.from_string(b"hello").id in store


def test_zeros_that_compress_well_are_counted_before_they_are_unpacked() -> None:
    zeros = an_object(BLOB, 900_000, bytes(900_000))

    assert "more than 1,000,000 bytes, unpacked" in why_refused(a_pack(zeros, zeros))


def test_an_object_that_states_to_be_enormous_is_not_unpacked() -> None:
    packed = an_object(BLOB, 1 << 40, bytes(3_000_000))

    assert "more than 1,000,000 bytes, unpacked" in why_refused(a_pack(packed))


def test_a_small_delta_that_copies_a_file_many_times_is_counted_by_what_it_makes() -> None:
    base = an_object(BLOB, 60_000, os.urandom(60_000))
    copies = b"\xb0\x60\xea" * 5_000  # 60,000 bytes from the beginning, again and again
    delta = number(60_000) + number(60_000 * 5_000) + copies
    pack = a_pack(base, an_object(OFS_DELTA, len(delta), delta, base=distance(len(base))))

    assert "more than 1,000,000 bytes, unpacked" in why_refused(pack)


def test_many_deltas_of_one_large_file_are_counted_by_what_they_read() -> None:
    base = an_object(BLOB, 500_000, os.urandom(500_000))
    delta = number(500_000) + number(1) + b"\x90\x01"
    objects, place = [base], len(base)
    for _ in range(20_000):
        each = an_object(OFS_DELTA, len(delta), delta, base=distance(place))
        objects.append(each)
        place += len(each)

    assert "more than 1,000,000 bytes, unpacked" in why_refused(a_pack(*objects))


def test_a_number_without_end_is_refused() -> None:
    assert "a pack that git would not write" in why_refused(a_pack(b"\xb0" + b"\xff" * 100_000))


def test_more_bytes_than_may_be_are_not_stored() -> None:
    file, _, drop = BoundedStore(LIMIT).add_pack()
    file.write(bytes(LIMIT))

    with pytest.raises(SourceError, match="more than 1,000,000 bytes, packed"):
        file.write(b"x")
    drop()


def distance(back: int) -> bytes:
    """How far back the base of a delta lies: https://git-scm.com/docs/gitformat-pack."""
    found = [back & 0x7F]
    while back := back >> 7:
        back -= 1
        found.append(back & 0x7F | 0x80)
    return bytes(reversed(found))


def test_the_packs_of_these_tests_are_what_git_means(tmp_path: Path) -> None:
    base = an_object(BLOB, 4, b"abcd")
    delta = number(4) + number(8) + b"\x90\x04\x90\x04"
    pack = a_pack(base, an_object(OFS_DELTA, len(delta), delta, base=distance(len(base))))
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "unpack-objects", given=pack)

    assert git(tmp_path, "cat-file", "-p", Blob.from_string(b"abcdabcd").id.decode()) == b"abcdabcd"


def git(folder: Path, *command: str, given: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", *command], cwd=folder, input=given, check=True, capture_output=True
    ).stdout


def nested(depth: int, width: int, name: Callable[[int], bytes]) -> tuple[MemoryRepo, ObjectID]:
    """A tree in which every folder holds the next one many times."""
    repository = MemoryRepo()
    blob = Blob.from_string(b"")
    repository.object_store.add_object(blob)
    mode, sha = 0o100644, blob.id
    for _ in range(depth):
        tree = Tree()
        for each in range(width):
            tree.add(name(each), mode, sha)
        repository.object_store.add_object(tree)
        mode, sha = 0o040000, tree.id
    return repository, sha


def short(each: int) -> bytes:
    return b"%x" % each


def long(each: int) -> bytes:
    return short(each) + b"n" * 240


@pytest.mark.parametrize(
    ("depth", "width", "name", "reason"),
    [
        (9, 16, short, "more than 50000 files and folders"),
        (2000, 2, short, "more than 50000 files and folders"),
        (1, 51_000, short, "more than 50000 files and folders"),
        (15, 2, long, "the paths of the commit have more than 16,777,216 bytes"),
        (1, 1, lambda _each: b"n" * 256, "a name of more than 255 bytes"),
    ],
)
def test_a_tree_that_unfolds_to_too_much_is_refused_before_it_is_walked(
    depth: int, width: int, name: Callable[[int], bytes], reason: str
) -> None:
    """A commit of 16^9 entries took 944 MB and 30 s a try: it was counted only after the walk."""
    repository, root = nested(depth, width, name)

    why = quickly_refused(lambda: refuse_bombs(repository.object_store, root), 32_000_000)

    assert reason in why


def test_a_tree_that_is_not_complete_is_named() -> None:
    missing = ObjectID(b"1" * 40)
    tree = Tree()
    tree.add(b"folder", 0o040000, missing)
    repository = MemoryRepo()
    repository.object_store.add_object(tree)

    with pytest.raises(SourceError, match=f"did not send folder {missing.decode()}"):
        refuse_bombs(repository.object_store, tree.id)
