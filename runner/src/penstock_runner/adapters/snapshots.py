"""The snapshots that jobs start from: each is verified and decompressed once, and then each job
gets the files of its inputs.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import IO

from penstock_runner.adapters.archive import Archive, Member, MemberKind
from penstock_runner.adapters.git_index import GitIndex
from penstock_runner.adapters.git_pack import Blob, Frame, GrownPack
from penstock_runner.errors import JobError
from penstock_shared.identifiers import digest_of
from penstock_shared.inputs import SPARSE, PathIndex, folder_of

MOST_OPEN = 16
"""The most snapshots of which the decompressed files are kept."""
MOST_BYTES = 1 << 30
OpenContent = Callable[[], AbstractContextManager[IO[bytes]]]
_GIT = ".git/"
_SPARSE = f"{_GIT}{SPARSE}"
_INDEX = f"{_GIT}index"
_PACKS = f"{_GIT}objects/pack/"


@dataclass
class OpenSnapshots:
    """The snapshots that this process used last, by the digest of their content.

    It forgets the least recently used beyond a number and a size; a job that unpacks one keeps it.
    """

    folder: Path
    """Where decompressed files lie, without names."""
    _open: OrderedDict[str, "Snapshot"] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def get(
        self, sha256: str, content: Callable[[], AbstractContextManager[IO[bytes]]]
    ) -> "Snapshot":
        """The snapshot; `content` opens its verified content if it is not open. Raises JobError."""
        with self._lock:
            known = self._open.get(sha256)
            if known:
                self._open.move_to_end(sha256)
                return known
        with content() as archive:
            snapshot = Snapshot(Archive(archive, self.folder))
        with self._lock:
            self._open[sha256] = snapshot
            self._trim()
        return snapshot

    def _trim(self) -> None:
        while len(self._open) > 1 and (len(self._open) > MOST_OPEN or self._weight() > MOST_BYTES):
            self._open.popitem(last=False)

    def _weight(self) -> int:
        return sum(snapshot.archive.size for snapshot in self._open.values())


class Snapshot:
    """The files of one commit and their `.git`, ready to be unpacked in whole or in part."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self._work = PathIndex(path for path in archive.members if not path.startswith(_GIT))

    def digest(self, patterns: tuple[str, ...]) -> str:
        """The SHA-256, in hex, over names, kinds and contents of the files that they name."""
        paths = {path for pattern in patterns for path in self._work.named_by(pattern)}
        found = hashlib.sha256()
        for path in sorted(paths):
            one = self.archive.members[path]
            content = hashlib.sha256()
            for chunk in self.archive.read(one) if one.kind is MemberKind.FILE else ():
                content.update(chunk)
            told = (path, one.kind.name, one.target, str(one.program), content.hexdigest())
            found.update(digest_of(*told).encode())
        return found.hexdigest()

    def unpack(self, folder: Path, inputs: tuple[str, ...] = ()) -> None:
        """Write the files that any of these patterns names, all if there are none, and a `.git`.

        Git sees the work tree as clean. Of a part it sees the other files as left out by a sparse
        checkout, and their contents as not fetched yet by a partial clone. Raises JobError.
        """
        self.archive.unpack(folder, self._part(inputs) if inputs else self._whole())

    def _whole(self) -> Iterator[Member]:
        return (
            member for path, member in self.archive.members.items() if not path.startswith(_SPARSE)
        )

    def _part(self, inputs: tuple[str, ...]) -> Iterator[Member]:
        paths = dict.fromkeys(path for pattern in inputs for path in self._work.named_by(pattern))
        files = [self.archive.members[path] for path in paths]
        yield from files
        if self._index:
            yield from self._frame
            yield from self._git(self._index, inputs, files)

    @cached_property
    def _index(self) -> GitIndex | None:
        """The index of the whole work tree; None if the snapshot has no `.git`."""
        member = self.archive.members.get(_INDEX)
        return GitIndex.read(b"".join(self.archive.read(member))) if member else None

    @cached_property
    def _frame(self) -> list[Member]:
        """What every part of the tree has in its `.git`, beside its objects and its index."""
        git = {path: one for path, one in self.archive.members.items() if path.startswith(_GIT)}
        own = {
            f"{_GIT}{path.removeprefix(_SPARSE)}": member
            for path, member in git.items()
            if path.startswith(_SPARSE)
        }
        left_out = (_SPARSE, f"{_GIT}objects/", _INDEX)
        files = {path: one for path, one in (git | own).items() if not path.startswith(left_out)}
        return [replace(member, path=path) for path, member in files.items()]

    def _git(
        self, index: GitIndex, inputs: tuple[str, ...], files: Sequence[Member]
    ) -> Iterator[Member]:
        """What `.git` has for these files only: their contents, and which files they are."""
        entries = index.entries
        kept = [file for file in files if file.path in entries]
        contents = {
            entries[file.path].object_id: self._blob(entries[file.path].object_id, file)
            for file in kept
            if not entries[file.path].is_submodule
        }
        yield from self._pack(list(contents.values()))
        yield _text(_INDEX, index.expecting(file.path for file in kept))
        yield _text(f"{_GIT}info/sparse-checkout", self._sparse_checkout(inputs))

    def _pack(self, blobs: Sequence[Blob]) -> Iterator[Member]:
        """One pack for all objects: as loose ones they would double the files of a job."""
        pack = GrownPack(self._pack_frame, blobs)
        path = f"{_PACKS}{pack.name}"
        yield Member(f"{path}.pack", MemberKind.FILE, made=pack.content)
        yield Member(f"{path}.idx", MemberKind.FILE, made=lambda: iter((pack.index(),)))
        yield _text(f"{path}.promisor", b"")

    @cached_property
    def _pack_frame(self) -> Frame:
        pack, index = (self._only(suffix) for suffix in (".pack", ".idx"))
        return Frame.read(pack, index)

    def _only(self, suffix: str) -> bytes:
        """The content of the one file of the sparse packs with that suffix."""
        beginning = f"{_SPARSE}{_PACKS.removeprefix(_GIT)}"
        for path, member in self.archive.members.items():
            if path.startswith(beginning) and path.endswith(suffix):
                return b"".join(self.archive.read(member))
        raise JobError(f"the snapshot has no {suffix} of its commit; push again")

    def _blob(self, object_id: str, file: Member) -> Blob:
        if file.kind is MemberKind.LINK:
            link = file.target.encode(errors="surrogateescape")
            return Blob(object_id, len(link), lambda: (link,))
        return Blob(object_id, file.size, lambda: self.archive.read(file))

    def _sparse_checkout(self, inputs: tuple[str, ...]) -> bytes:
        """The same part of the tree in git's words: https://git-scm.com/docs/git-sparse-checkout.

        Names with a line break cannot be written there.
        """
        named = (
            [folder] if (folder := folder_of(pattern)) else self._work.named_by(pattern)
            for pattern in inputs
        )
        lines = (f"/{_escaped(path)}\n" for path in chain(*named) if "\n" not in path)
        return "".join(lines).encode(errors="surrogateescape")


def _escaped(path: str) -> str:
    special = "\\*?[ "
    return "".join(f"\\{sign}" if sign in special else sign for sign in path)


def _text(path: str, content: bytes) -> Member:
    return Member(path, MemberKind.FILE, size=len(content), made=lambda: iter((content,)))
