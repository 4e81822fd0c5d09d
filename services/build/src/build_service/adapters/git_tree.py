"""Counts what a tree of git unfolds to before anybody walks over it.

Equal folders are one object, so a few objects can stand for billions of files. Here each object is
looked at once, however often it occurs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dulwich.object_store import BaseObjectStore
from dulwich.objects import ObjectID, Tree, parse_tree

from build_service.domain.errors import SourceError

MOST_FILES = 50_000
MOST_NAME_BYTES = 16 << 20
"""Of the paths of all files and folders together."""
_FOLDER = 0o040000
_LONGEST_NAME = 255
"""Bytes. Linux makes no file of a longer name."""
_ENTRY_BYTES = 7 + 1 + _LONGEST_NAME + 1 + 20


class _Entry(NamedTuple):
    name: bytes
    mode: int
    sha: ObjectID


@dataclass(frozen=True)
class _Weight:
    """How many files and folders lie beneath a folder, and how long their paths are from there."""

    entries: int = 0
    name_bytes: int = 0

    def with_entry(self, name: bytes, beneath: "_Weight") -> "_Weight":
        entries = beneath.entries + 1
        return _Weight(
            self.entries + entries,
            self.name_bytes + beneath.name_bytes + entries * (len(name) + 1),
        )


def refuse_bombs(store: BaseObjectStore, root: ObjectID) -> None:
    """Raises SourceError if the tree has more files and folders than may be, or is incomplete."""
    folders = dict(_folders(store, root))
    weights: dict[ObjectID, _Weight] = {}
    ahead = [root]
    while ahead:
        entries = folders[ahead[-1]]
        missing = {each.sha for each in entries if _is_folder(each)} - weights.keys()
        if missing:
            ahead += missing
        else:
            weights[ahead.pop()] = _weigh(entries, weights)


def _folders(store: BaseObjectStore, root: ObjectID) -> Iterator[tuple[ObjectID, list[_Entry]]]:
    """Each folder once, with its entries; not more than a tree without equal folders may have."""
    seen: set[ObjectID] = set()
    ahead, count = [root], 0
    while ahead:
        sha = ahead.pop()
        if sha in seen:
            continue
        seen.add(sha)
        entries = _entries(store, sha)
        count += len(entries)
        _refuse_beyond(_Weight(count))
        ahead += (each.sha for each in entries if _is_folder(each))
        yield sha, entries


def _weigh(entries: list[_Entry], weights: Mapping[ObjectID, _Weight]) -> _Weight:
    found = _Weight()
    for each in entries:
        found = found.with_entry(each.name, weights[each.sha] if _is_folder(each) else _Weight())
        _refuse_beyond(found)
    return found


def _refuse_beyond(weight: _Weight) -> None:
    if weight.entries > MOST_FILES:
        raise SourceError(f"the commit has more than {MOST_FILES} files and folders")
    if weight.name_bytes > MOST_NAME_BYTES:
        raise SourceError(f"the paths of the commit have more than {MOST_NAME_BYTES:,} bytes")


def _is_folder(entry: _Entry) -> bool:
    return entry.mode & 0o170000 == _FOLDER


def _entries(store: BaseObjectStore, sha: ObjectID) -> list[_Entry]:
    try:
        tree = store[sha]
    except KeyError as error:
        raise SourceError(f"the server did not send folder {sha.decode()} of the commit") from error
    if not isinstance(tree, Tree):
        raise SourceError(f"{sha.decode()} is no folder, though the commit says so")
    if tree.raw_length() > MOST_FILES * _ENTRY_BYTES:
        raise SourceError(f"the commit has more than {MOST_FILES} files and folders")
    return list(_named(tree))


def _named(tree: Tree) -> Iterator[_Entry]:
    for name, mode, sha in parse_tree(tree.as_raw_string(), sha_len=20, strict=False):
        if len(name) > _LONGEST_NAME:
            raise SourceError(f"the commit has a name of more than {_LONGEST_NAME} bytes")
        yield _Entry(name, mode, ObjectID(sha))
