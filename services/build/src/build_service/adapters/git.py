"""Source from git repositories, with dulwich: Lambda has no git binary."""

import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from urllib.parse import unquote, urlsplit

from dulwich.client import GitClient, get_transport_and_path
from dulwich.errors import GitProtocolError, NotGitRepository
from dulwich.object_store import iter_tree_contents
from dulwich.objects import S_ISGITLINK, Blob, Commit, ObjectID
from dulwich.refs import Ref
from dulwich.repo import MemoryRepo

from build_service.adapters.git_folder import GitFolder, WorkFile
from build_service.adapters.git_history import Past, commits_and_tags, everything
from build_service.adapters.snapshot import snapshot_of
from build_service.domain.errors import SourceError, SourceUnavailableError
from build_service.domain.source import SourceTree
from penstock_shared.contracts.change import Change
from penstock_shared.contracts.plan import History

MOST_FILES = 50_000
MOST_BYTES = 512 * 1024 * 1024
"""What one snapshot may weigh unpacked; it passes through the function's memory."""
_TAGS = b"refs/tags/"
_PEELED = b"^{}"
_WITHOUT_TREES = b"tree:0"
# A zip knows no time before the first, and an index of git's none after 2106.
_EARLIEST, _LATEST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (1980, 2100))

Refs = Mapping[Ref, ObjectID | None]


@dataclass(frozen=True)
class GitSourceRepository:
    """Fetches one commit. `schemes` are those of a clone URL that may be used: on AWS not `file`,
    since a webhook's payload must not name the function's own files.
    """

    schemes: tuple[str, ...]

    def fetch(self, change: Change) -> SourceTree:
        """The tree of the change's commit; its history is fetched when a snapshot needs it.

        Raises SourceError when there is no such repository or commit, or it is too large;
        SourceUnavailableError when the server does not answer.
        """
        self._check_scheme(change)
        commit_id = ObjectID(change.sha.encode())
        repository = MemoryRepo()
        with _in_words(change):
            client, path = _connection(change.clone_url)
            client.fetch(path, repository, determine_wants=_only(commit_id), depth=1)
            commit = repository[commit_id]
        if not isinstance(commit, Commit):
            raise SourceError(f"{change.sha} of {change.repository} is no commit")
        return _Fetched(change, repository, commit).tree()

    def _check_scheme(self, change: Change) -> None:
        scheme = urlsplit(change.clone_url).scheme
        if scheme not in self.schemes:
            allowed = ", ".join(f"{scheme}://" for scheme in self.schemes)
            raise SourceError(
                f"the clone URL {change.clone_url!r} is not one that this stack fetches from "
                f"({allowed})"
            )


@contextmanager
def _in_words(change: Change) -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise SourceError(
            f"{change.repository} has no commit {change.sha}; was it pushed away?"
        ) from error
    except NotGitRepository as error:
        raise SourceError(f"there is no git repository at {change.clone_url}") from error
    except (GitProtocolError, OSError) as error:
        raise SourceUnavailableError(f"cannot fetch {change.clone_url}: {error}") from error


def _connection(clone_url: str) -> tuple[GitClient, str]:
    client, path = get_transport_and_path(clone_url)
    # dulwich decodes the path of no file:// URL, and git does.
    return client, unquote(path) if urlsplit(clone_url).scheme == "file" else path


def _only(commit: ObjectID) -> Callable[..., list[ObjectID]]:
    def wants(_refs: object, depth: int | None = None) -> list[ObjectID]:  # dulwich names it
        return [commit]

    return wants


def _with_tags(commit: ObjectID) -> Callable[..., list[ObjectID]]:
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

    change: Change
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
    def _moment(self) -> int:
        """When it was committed, in seconds since the epoch, as far as files can be dated so."""
        return min(max(int(self.commit.commit_time), _EARLIEST), _LATEST)

    def _check_size(self, entries: Iterable[str]) -> None:
        sizes = [len(self._content(entry)) for entry in entries]
        if len(sizes) > MOST_FILES:
            raise SourceError(f"the commit has {len(sizes)} files; the limit is {MOST_FILES}")
        if sum(sizes) > MOST_BYTES:
            raise SourceError(f"the commit has {sum(sizes)} bytes; the limit is {MOST_BYTES}")

    def _content(self, entry: str) -> bytes:
        mode, sha = entry.split()
        if S_ISGITLINK(int(mode, 8)):
            return b""
        blob = self.repository[ObjectID(sha.encode())]
        return blob.data if isinstance(blob, Blob) else b""

    def _archive(self, files: Mapping[str, str], history: History) -> bytes:
        work = [self._work_file(path, files[path]) for path in sorted(files)]
        if history is History.NONE:
            return snapshot_of(work, {}, self._moment)
        past = self._past(history)
        if past.size > MOST_BYTES:
            raise SourceError(
                f"the history of {self.change.repository} has {past.size} bytes; the limit is "
                f"{MOST_BYTES}. Say `history: tags`, or `commit`, in penstock.yml"
            )
        folder = GitFolder(self.change, self.commit, past, self._moment)
        return snapshot_of(work, folder.files(self.repository.object_store, work), self._moment)

    def _work_file(self, path: str, entry: str) -> WorkFile:
        mode, sha = entry.split()
        return WorkFile(path, int(mode, 8), ObjectID(sha.encode()), self._content(entry))

    def _past(self, history: History) -> Past:
        if history is History.COMMIT:
            return Past(shallow=(self.commit.id,) if self.commit.parents else ())
        whole = MemoryRepo()
        with _in_words(self.change):
            client, path = _connection(self.change.clone_url)
            found = client.fetch(
                path,
                whole,
                determine_wants=_with_tags(self.commit.id),
                filter_spec=None if history is History.FULL else _WITHOUT_TREES,
            )
            gather = everything if history is History.FULL else commits_and_tags
            return gather(whole.object_store, self.commit, _tags_in(found.refs))


def _check_path(path: str) -> None:
    """A tree that somebody made by hand may hold names that git itself refuses to check out."""
    for part in path.split("/") if path else ():
        if part.lower() in ("", ".", "..", ".git"):
            raise SourceError(f"the commit has a path that no git checks out: {path!r}")
