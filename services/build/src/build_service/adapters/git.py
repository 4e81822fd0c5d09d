"""Fetches source from git repositories with dulwich, because Lambda has no git binary."""

import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from dulwich.client import FetchPackResult, HTTPProxyUnauthorized, HTTPUnauthorized
from dulwich.errors import GitProtocolError, NotGitRepository
from dulwich.object_store import BaseObjectStore, iter_tree_contents
from dulwich.objects import S_ISGITLINK, Blob, Commit, ObjectID, Tag
from dulwich.refs import Ref
from dulwich.repo import MemoryRepo, Repo

from build_service.adapters.git_client import ReadingLimit, connected
from build_service.adapters.git_folder import GitFolder, WorkFile
from build_service.adapters.git_history import (
    Past,
    commits_and_tags,
    everything,
    was_passed,
    was_passed_since,
)
from build_service.adapters.git_lfs import MOST_SECONDS as LFS_SECONDS
from build_service.adapters.git_lfs import LfsServer, pointer_in
from build_service.adapters.git_store import BoundedStore
from build_service.adapters.git_tree import refuse_bombs
from build_service.adapters.network import Resolve, public_address
from build_service.adapters.snapshot import snapshot_of
from build_service.domain.errors import SourceError, SourceTooLargeError, SourceUnavailableError
from build_service.domain.source import MergeRef, SourceTree
from penstock_shared.contracts.change import Change
from penstock_shared.contracts.plan import History
from penstock_shared.contracts.registry import ReadCredential
from penstock_shared.errors import PenstockError
from penstock_shared.printable import printable

MOST_BYTES = 512 * 1024 * 1024
"""The most bytes of what is fetched, packed as well as unpacked, and of an unpacked snapshot. They
pass through the function's memory."""
LONGEST_PATH = 4096
"""Characters. Linux opens no longer path."""
_LONGEST_ANSWER = 200
"""Characters of a server's answer that a reason quotes."""
_TAGS = b"refs/tags/"
_PEELED = b"^{}"
_WITHOUT_TREES = b"tree:0"
_GENERATIONS = 100
"""How far back a commit is looked for that its ref was at lately."""
# A zip cannot hold times before the first, and git's index none after the second.
_EARLIEST, _LATEST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (1980, 2100))

Refs = Mapping[Ref, ObjectID | None]
Wants = Callable[..., list[ObjectID]]


@dataclass(frozen=True)
class GitSourceRepository:
    """Fetches one commit. `schemes` are the allowed schemes of clone URLs. On AWS they exclude
    `file`, since a webhook's payload must not name the function's own files. `resolve` says which
    addresses of the network may be connected to.
    """

    schemes: tuple[str, ...]
    resolve: Resolve = public_address

    def fetch(
        self,
        change: Change,
        credential: ReadCredential | None = None,
        merge: MergeRef | None = None,
    ) -> SourceTree:
        """The tree of the change's commit, or of its merge commit; its history is fetched when a
        snapshot needs it.

        Raises SourceError when the repository or the commit does not exist or is too large, and
        SourceUnavailableError when the server does not answer, or has no merge commit yet.
        """
        self._check_address(change.clone_url)
        remote = _Remote(change, self.resolve, credential)
        own = ObjectID(change.sha.encode())
        with _in_words(change, credential):
            repository, fetched = remote.fetch(_of(change, merge), depth=1)
            head = _commit_at(repository, own, change)
            commit = _merge_of(repository, fetched.refs, own, merge) or head
            if commit is head and merge and merge.awaited:
                raise SourceUnavailableError(_not_merged(change, merge))
            refuse_bombs(repository.object_store, commit.tree)
            tip = _head_in(repository, fetched.refs, change)
            return replace(
                _Fetched(remote, repository, commit).tree(),
                head=tip.decode(),
                held=partial(remote.held, head.id, tip),
                merge="" if commit is head else commit.id.decode(),
                message=head.message.decode(errors="replace"),
            )

    def _check_address(self, clone_url: str) -> None:
        """dulwich treats an address that it cannot read as an ssh host or a file."""
        try:
            parts = urlsplit(clone_url)
            port, scheme = parts.port, parts.scheme
        except ValueError as error:
            raise SourceError(f"the clone URL {clone_url!r} cannot be read: {error}") from error
        if scheme not in self.schemes:
            allowed = ", ".join(f"{scheme}://" for scheme in self.schemes)
            raise SourceError(
                f"the clone URL {clone_url!r} is not one that this stack fetches from ({allowed})"
            )
        if port == 0 or (scheme != "file" and not parts.hostname):
            raise SourceError(f"the clone URL {clone_url!r} names no host and port to fetch from")


@contextmanager
def _in_words(change: Change, credential: ReadCredential | None) -> Iterator[None]:
    """Turn any error of a fetch into one whose text a flow can show as its reason.

    Raises SourceUnavailableError for errors that may pass, and SourceError for all others.
    """
    try:
        yield
    except PenstockError:
        raise
    except (HTTPUnauthorized, HTTPProxyUnauthorized) as error:
        raise SourceError(
            f"cannot fetch {change.clone_url}: the server {_wants(credential)}. Give a token that "
            f"may read: penstock repo set {change.repository} --token"
        ) from error
    except KeyError as error:
        raise SourceError(_no_commit(change)) from error
    except NotGitRepository as error:
        raise SourceError(
            f"there is no git repository at {change.clone_url}, or the server hides it from those "
            "who may not read it"
        ) from error
    except (GitProtocolError, OSError) as error:
        raise _failed(change, _quoted(error)) from error
    except Exception as error:
        raise SourceError(
            f"cannot read commit {change.sha} of {change.clone_url}: "
            f"{type(error).__name__}: {_quoted(error)}"
        ) from error


def _wants(credential: ReadCredential | None) -> str:
    return "refuses the registered token" if credential else "asks for a token, and there is none"


def _quoted(error: Exception) -> str:
    """The text of an error, which may be of the server: short, on one line, and only text."""
    return printable(" ".join(str(error).split()))[:_LONGEST_ANSWER]


_REDIRECT = re.compile(r"unexpected http resp 3\d\d")
_FINAL_ANSWER = re.compile(
    r"unexpected http resp 4(?!08|25|29)\d\d|the server's answer is not git's"
)


def _failed(change: Change, text: str) -> PenstockError:
    if "not our ref" in text:
        return SourceError(_no_commit(change))
    if _REDIRECT.search(text):
        return SourceError(
            f"cannot fetch {change.clone_url}: the server redirects to another address. Register "
            "the address that it is at now"
        )
    kind = SourceError if _FINAL_ANSWER.search(text) else SourceUnavailableError
    return kind(f"cannot fetch {change.clone_url}: {text}")


def _no_commit(change: Change) -> str:
    return f"{change.repository} has no commit {change.sha}; was it pushed away?"


@dataclass(frozen=True)
class _Remote:
    """The repository that a change was pushed to."""

    change: Change
    resolve: Resolve
    credential: ReadCredential | None
    begun: float = field(default_factory=time.monotonic)

    def fetch(self, wants: Wants, **more: Any) -> tuple[MemoryRepo, FetchPackResult]:
        """The objects that are wanted, in a repository in memory, and the server's refs."""
        repository = MemoryRepo()
        repository.object_store = BoundedStore(MOST_BYTES)
        known = self.credential
        with connected(
            self.change.clone_url,
            ReadingLimit(MOST_BYTES),
            self.resolve,
            known.user if known else None,
            known.token if known else None,
        ) as (client, path):
            return repository, client.fetch(path, repository, determine_wants=wants, **more)

    def held(self, commit: ObjectID, head: ObjectID, since: datetime | None) -> bool:
        """See SourceTree: whether the ref, now at `head`, was at this commit."""
        if not head:
            return False
        depth = None if since is None else _GENERATIONS
        with _in_words(self.change, self.credential), self._commits(head, depth) as store:
            if since is None:
                return was_passed(store, commit, head)
            return was_passed_since(store, commit, head, since)

    @contextmanager
    def _commits(self, head: ObjectID, depth: int | None) -> Iterator[BaseObjectStore]:
        """The commits up to this one, from so many generations."""
        parts = urlsplit(self.change.clone_url)
        if parts.scheme == "file":
            # It is at hand, and dulwich would copy its files too.
            with Repo(unquote(parts.path)) as local:
                yield local.object_store
        else:
            found, _ = self.fetch(_only(head), depth=depth, filter_spec=_WITHOUT_TREES)
            yield found.object_store


def _only(commit: ObjectID) -> Wants:
    def wants(_refs: object, depth: int | None = None) -> list[ObjectID]:  # dulwich names it
        return [commit]

    return wants


def _of(change: Change, merge: MergeRef | None) -> Wants:
    """The change's commit; its merge commit, and its tag's own object, if there are any."""
    more = [merge.ref] if merge else []
    names = [*more, change.ref] if change.tag else more

    def wants(refs: Refs, depth: int | None = None) -> list[ObjectID]:  # dulwich names it
        found = [refs.get(Ref(name.encode())) for name in names]
        return list(dict.fromkeys([ObjectID(change.sha.encode()), *filter(None, found)]))

    return wants


def _commit_at(repository: MemoryRepo, sha: ObjectID, change: Change) -> Commit:
    """The commit of this id, or the one that the tag of this id names."""
    found = repository[sha]
    while isinstance(found, Tag):
        found = repository[found.object[1]]
    if not isinstance(found, Commit):
        raise SourceError(f"{change.sha} of {change.repository} is no commit")
    return found


def _merge_of(
    repository: MemoryRepo, refs: Refs, head: ObjectID, merge: MergeRef | None
) -> Commit | None:
    """The merge commit, if it is one of this head and not of an earlier one."""
    sha = refs.get(Ref(merge.ref.encode())) if merge else None
    found = repository[sha] if sha else None
    return found if isinstance(found, Commit) and head in found.parents else None


def _head_in(repository: MemoryRepo, refs: Refs, change: Change) -> ObjectID:
    """The commit of the change's ref, also of an annotated tag; empty if the ref is gone."""
    sha = refs.get(Ref(change.ref.encode())) or ObjectID(b"")
    return _commit_at(repository, sha, change).id if sha and change.tag else sha


def _not_merged(change: Change, merge: MergeRef) -> str:
    base = change.base.ref.removeprefix("refs/heads/") if change.base else "its base"
    return (
        f"{merge.ref} of {change.repository} is no merge of {change.sha[:12]}: does pull request "
        f"{change.pull_request} have conflicts with {base}? A push that resolves them starts "
        "another flow"
    )


def _with_tags(commit: ObjectID) -> Wants:
    def wants(refs: Refs, depth: int | None = None) -> list[ObjectID]:  # dulwich names it
        return [commit, *_tags_in(refs).values()]

    return wants


def _tags_in(refs: Refs) -> dict[bytes, ObjectID]:
    return {
        name: sha
        for name, sha in refs.items()
        if sha and name.startswith(_TAGS) and not name.endswith(_PEELED)
    }


@dataclass(frozen=True)
class _Fetched:
    """One commit with the objects of its tree."""

    remote: _Remote
    repository: MemoryRepo
    commit: Commit

    def tree(self) -> SourceTree:
        files: dict[str, str] = {}
        root = self.commit.tree
        folders = {".": root.decode()}
        entries = iter_tree_contents(self.repository.object_store, root, include_trees=True)
        for entry in entries:
            path = entry.path.decode(errors="surrogateescape")
            _check_path(path)
            if stat.S_ISDIR(entry.mode):
                folders[path or "."] = entry.sha.decode()
            else:
                files[path] = f"{entry.mode:o} {entry.sha.decode()}"
        self._check_size(files.values())
        return SourceTree(
            tree_id=root.decode(),
            committed_at=datetime.fromtimestamp(self._moment, UTC),
            files=files,
            folders=folders,
            read=lambda path: self._content(files[path]),
            archive=partial(self._archive, files),
        )

    @property
    def change(self) -> Change:
        return self.remote.change

    @property
    def _moment(self) -> int:
        """The time of the commit in epoch seconds, within the range that files can have."""
        return min(max(int(self.commit.commit_time), _EARLIEST), _LATEST)

    def _check_size(self, entries: Iterable[str]) -> None:
        total = 0
        for entry in entries:
            total += len(self._content(entry))
            if total > MOST_BYTES:
                raise SourceError(f"the commit has more than {MOST_BYTES} bytes")

    def _content(self, entry: str) -> bytes:
        mode, sha = entry.split()
        if S_ISGITLINK(int(mode, 8)):
            return b""
        blob = self.repository[ObjectID(sha.encode())]
        return blob.data if isinstance(blob, Blob) else b""

    def _archive(self, files: Mapping[str, str], history: History, *, lfs: bool = True) -> bytes:
        with _in_words(self.change, self.remote.credential):
            return self._archived(files, history, lfs=lfs)

    def _archived(self, files: Mapping[str, str], history: History, *, lfs: bool) -> bytes:
        work = [self._work_file(path, files[path]) for path in sorted(files)]
        if lfs:
            work = self._with_contents(work)
        if history is History.NONE:
            return snapshot_of(work, {}, self._moment)
        past = self._past(history)
        folder = GitFolder(self.change, self.commit, past, self._moment)
        return snapshot_of(work, folder.files(self.repository.object_store, work), self._moment)

    def _with_contents(self, work: list[WorkFile]) -> list[WorkFile]:
        """With the contents of what is in Git LFS. Git's index has the content's size and the
        pointer's id, as after a checkout by git-lfs.
        """
        pointers = {
            file.path: pointer
            for file in work
            if stat.S_ISREG(file.mode) and (pointer := pointer_in(file.path, file.content))
        }
        if not pointers:
            return work
        remote = self.remote
        server = LfsServer(
            remote.change.clone_url,
            remote.resolve,
            remote.credential,
            remote.begun + LFS_SECONDS,
        )
        contents = server.contents(pointers.values())
        return [
            replace(file, content=contents[pointers[file.path].oid])
            if file.path in pointers
            else file
            for file in work
        ]

    def _work_file(self, path: str, entry: str) -> WorkFile:
        mode, sha = entry.split()
        return WorkFile(path, int(mode, 8), ObjectID(sha.encode()), self._content(entry))

    def _past(self, history: History) -> Past:
        if history is History.COMMIT:
            return Past(shallow=(self.commit.id,) if self.commit.parents else ())
        with _in_words(self.change, self.remote.credential), self._too_long():
            whole, found = self.remote.fetch(
                _with_tags(self.commit.id),
                filter_spec=None if history is History.FULL else _WITHOUT_TREES,
            )
            gather = everything if history is History.FULL else commits_and_tags
            past = gather(whole.object_store, self.commit, _tags_in(found.refs))
            if past.size > MOST_BYTES:
                raise SourceTooLargeError("too many bytes")
            return past

    @contextmanager
    def _too_long(self) -> Iterator[None]:
        try:
            yield
        except SourceTooLargeError as error:
            raise SourceError(
                f"the history of {self.change.repository} has more than {MOST_BYTES:,} bytes, the "
                "limit. Say `history: tags`, or `commit`, in penstock.yml"
            ) from error


def _check_path(path: str) -> None:
    """Refuse names that git itself does not check out. A tree made by hand may have them."""
    if len(path) > LONGEST_PATH:
        raise SourceError(f"the commit has a path of more than {LONGEST_PATH} characters")
    for part in path.split("/") if path else ():
        if part.lower() in ("", ".", "..", ".git") or "\0" in part:
            raise SourceError(f"the commit has a path that no git checks out: {path!r}")
