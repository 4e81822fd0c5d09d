"""Makes the `.git` of a snapshot: a real repository at one commit with a clean work tree.

The same commit, ref and history result in the same bytes. So nothing here depends on the clock, or
on the packs that a server sent. Formats: https://git-scm.com/docs/gitrepository-layout,
https://git-scm.com/docs/gitformat-index.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha1
from urllib.parse import urlsplit, urlunsplit

from dulwich.config import ConfigFile
from dulwich.index import SerializedIndexEntry, write_index
from dulwich.object_format import DEFAULT_OBJECT_FORMAT
from dulwich.object_store import BaseObjectStore, iter_tree_contents
from dulwich.objects import S_ISGITLINK, Blob, Commit, ObjectID, ShaFile
from dulwich.pack import write_pack_index_v2, write_pack_objects
from dulwich.refs import Ref, check_ref_format

from build_service.adapters.git_history import Past
from penstock_shared.contracts.change import Change
from penstock_shared.inputs import SPARSE

_BRANCHES = b"refs/heads/"
_QUICKLY = 1
"""The compression level. It is low, because a pack is written per push but rarely read."""
_WITHOUT_TREES, _WITHOUT_FILES = "tree:0", "blob:none"
"""What is missing in a partial clone: https://git-scm.com/docs/git-rev-list (--filter)."""
_NOWHERE = "penstock-inputs-only"
"""The remote that has the files which are no inputs of a job. It has no address: git would fetch
them without being asked, and a job would see what its key does not hold. Git's error has the name.
"""
_EXCLUDE = b"# What Penstock itself puts into a job's source.\n.penstock/\n.penstock-artifact.zip\n"


@dataclass(frozen=True)
class WorkFile:
    """A file, link or submodule of the commit. `mode` is git's. A submodule has no content."""

    path: str
    mode: int
    sha: ObjectID
    content: bytes

    @property
    def is_submodule(self) -> bool:
        return S_ISGITLINK(self.mode)

    @property
    def is_program(self) -> bool:
        return bool(self.mode & 0o111)


@dataclass(frozen=True)
class GitFolder:
    """The repository of one commit with some history. `moment` is the time of its files."""

    change: Change
    commit: Commit
    past: Past
    moment: int

    def files(self, store: BaseObjectStore, work: Sequence[WorkFile]) -> dict[str, bytes]:
        """Its files by their path in `.git`. A path that ends in a slash is an empty folder.

        Those below `sparse/` take the place of `config` and `objects/` for a job that sees only a
        part of the tree: see `penstock_shared.inputs`.
        """
        own = list(self._own(store))
        has_everything = self.past.has_trees
        files = {
            "HEAD": self._head(),
            "config": self._config("" if has_everything else _WITHOUT_TREES),
            "index": _index(work, self.moment),
            "info/exclude": _EXCLUDE,
            **_packed([*own, *self.past.objects], promised=not has_everything),
            "packed-refs": self._refs(),
            "refs/": b"",
        }
        if self.past.shallow:
            files["shallow"] = b"".join(sha + b"\n" for sha in self.past.shallow)
        if not self.past.objects:
            files |= {f"{SPARSE}{path}": content for path, content in self._sparse(own).items()}
        return files

    def _sparse(self, own: Iterable[ShaFile]) -> dict[str, bytes]:
        """What the repository has instead if it lacks the files that its job does not see."""
        frame = [each for each in own if not isinstance(each, Blob)]
        return {"config": self._config(_WITHOUT_FILES), **_packed(frame, promised=True)}

    def _own(self, store: BaseObjectStore) -> Iterator[ShaFile]:
        yield self.commit
        for entry in iter_tree_contents(store, self.commit.tree, include_trees=True):
            if not S_ISGITLINK(entry.mode):
                yield store[entry.sha]

    @property
    def _ref(self) -> bytes | None:
        """The pushed ref; None if git would refuse its name."""
        ref = self.change.ref.encode(errors="surrogateescape")
        return ref if check_ref_format(Ref(ref)) else None

    @property
    def _branch(self) -> bytes | None:
        ref = self._ref
        return ref.removeprefix(_BRANCHES) if ref and ref.startswith(_BRANCHES) else None

    def _head(self) -> bytes:
        branch = self._branch
        return (b"ref: " + _BRANCHES + branch if branch else self.commit.id) + b"\n"

    def _refs(self) -> bytes:
        refs = dict(self.past.tags)
        if self._ref:
            refs.setdefault(self._ref, (self.commit.id, self.commit.id))
        if self._branch:
            refs[b"refs/remotes/origin/" + self._branch] = (self.commit.id, self.commit.id)
        lines = [b"# pack-refs with: peeled fully-peeled sorted \n"]
        for name, (sha, commit) in sorted(refs.items()):
            lines.append(sha + b" " + name + b"\n")
            if sha != commit:
                lines.append(b"^" + commit + b"\n")
        return b"".join(lines)

    def _config(self, missing: str) -> bytes:
        """The configuration. `missing` is the filter of a partial clone, empty for a whole one."""
        config = ConfigFile()
        core = {
            "repositoryFormatVersion": "1" if missing else "0",
            "fileMode": "true",
            "bare": "false",
            # Only the sizes and times of files are the same wherever a snapshot is unpacked.
            "checkStat": "minimal",
            "trustCTime": "false",
        }
        if missing == _WITHOUT_FILES:
            core |= {"sparseCheckout": "true", "sparseCheckoutCone": "false"}
        for name, value in core.items():
            config.set("core", name, value)
        config.set(("remote", "origin"), "url", _without_credentials(self.change.clone_url))
        config.set(("remote", "origin"), "fetch", "+refs/heads/*:refs/remotes/origin/*")
        if missing:
            # With this, git takes missing objects for objects of the remote, and not for lost ones.
            remote = _NOWHERE if missing == _WITHOUT_FILES else "origin"
            config.set("extensions", "partialClone", remote)
            config.set(("remote", remote), "promisor", "true")
            config.set(("remote", remote), "partialCloneFilter", missing)
        written = io.BytesIO()
        config.write_to_file(written)
        return written.getvalue()


def _packed(objects: Iterable[ShaFile], *, promised: bool) -> dict[str, bytes]:
    """A pack and its index by their paths; the same objects result in the same bytes.

    `promised` says that the remote has the objects that these name and that are missing.
    """
    each_once = {each.id: each for each in objects}
    ordered = sorted(each_once.values(), key=lambda each: (each.type_num, each.id))
    pack, index = io.BytesIO(), io.BytesIO()
    entries, checksum = write_pack_objects(
        pack, ordered, DEFAULT_OBJECT_FORMAT, deltify=False, compression_level=_QUICKLY
    )
    places = sorted((sha, offset, crc) for sha, (offset, crc) in entries.items())
    write_pack_index_v2(index, places, checksum)
    path = f"objects/pack/pack-{checksum.hex()}"
    files = {f"{path}.idx": index.getvalue(), f"{path}.pack": pack.getvalue()}
    return {**files, f"{path}.promisor": b""} if promised else files


def _index(work: Iterable[WorkFile], moment: int) -> bytes:
    entries = [
        SerializedIndexEntry(
            name=file.path.encode(errors="surrogateescape"),
            ctime=0, mtime=moment, dev=0, ino=0, mode=_canonical(file), uid=0, gid=0,
            size=len(file.content), sha=file.sha, flags=0, extended_flags=0,
        )
        for file in work
    ]  # fmt: skip
    written = io.BytesIO()
    write_index(written, sorted(entries, key=lambda entry: entry.name))
    content = written.getvalue()
    return content + sha1(content, usedforsecurity=False).digest()


def _canonical(file: WorkFile) -> int:
    """The mode as one of the few that an index may hold."""
    kind = file.mode & 0o170000
    if kind != 0o100000:
        return kind
    return 0o100755 if file.is_program else 0o100644


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
