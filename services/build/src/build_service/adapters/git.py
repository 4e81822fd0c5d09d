"""Source from git repositories, with dulwich: Lambda has no git binary."""

import gzip
import io
import stat
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

from dulwich.client import GitClient, get_transport_and_path
from dulwich.errors import GitProtocolError, NotGitRepository
from dulwich.object_store import iter_tree_contents
from dulwich.objects import S_ISGITLINK, Blob, Commit, ObjectID
from dulwich.repo import MemoryRepo

from build_service.domain.errors import SourceError, SourceUnavailableError
from build_service.domain.source import SourceTree
from penstock_shared.contracts.change import Change

MOST_FILES = 50_000
MOST_BYTES = 512 * 1024 * 1024
"""What one snapshot may weigh unpacked; it passes through the function's memory."""


@dataclass(frozen=True)
class GitSourceRepository:
    """Fetches one commit. `schemes` are those of a clone URL that may be used: on AWS not `file`,
    since a webhook's payload must not name the function's own files.
    """

    schemes: tuple[str, ...]

    def fetch(self, change: Change) -> SourceTree:
        """The tree of the change's commit, without its history.

        Raises SourceError when there is no such repository or commit, or it is too large;
        SourceUnavailableError when the server does not answer.
        """
        self._check_scheme(change)
        commit = ObjectID(change.sha.encode())
        repository = MemoryRepo()
        try:
            client, path = _connection(change.clone_url)
            client.fetch(path, repository, determine_wants=_only(commit), depth=1)
            found = repository[commit]
        except KeyError as error:
            raise SourceError(
                f"{change.repository} has no commit {change.sha}; was it pushed away?"
            ) from error
        except NotGitRepository as error:
            raise SourceError(f"there is no git repository at {change.clone_url}") from error
        except (GitProtocolError, OSError) as error:
            raise SourceUnavailableError(f"cannot fetch {change.clone_url}: {error}") from error
        if not isinstance(found, Commit):
            raise SourceError(f"{change.sha} of {change.repository} is no commit")
        return _Snapshot(repository, found).tree()

    def _check_scheme(self, change: Change) -> None:
        scheme = urlsplit(change.clone_url).scheme
        if scheme not in self.schemes:
            allowed = ", ".join(f"{scheme}://" for scheme in self.schemes)
            raise SourceError(
                f"the clone URL {change.clone_url!r} is not one that this stack fetches from "
                f"({allowed})"
            )


def _connection(clone_url: str) -> tuple[GitClient, str]:
    client, path = get_transport_and_path(clone_url)
    # dulwich decodes the path of no file:// URL, and git does.
    return client, unquote(path) if urlsplit(clone_url).scheme == "file" else path


def _only(commit: ObjectID) -> Callable[..., list[ObjectID]]:
    def wants(_refs: object, depth: int | None = None) -> list[ObjectID]:  # dulwich names it
        return [commit]

    return wants


@dataclass(frozen=True)
class _Snapshot:
    """The fetched objects of one commit."""

    repository: MemoryRepo
    commit: Commit

    def tree(self) -> SourceTree:
        files: dict[str, str] = {}
        root = self.commit.tree
        folders = {".": root.decode()}
        entries = iter_tree_contents(self.repository.object_store, root, include_trees=True)
        for entry in entries:
            path = entry.path.decode(errors="surrogateescape")
            if stat.S_ISDIR(entry.mode):
                folders[path or "."] = entry.sha.decode()
            else:
                files[path] = f"{entry.mode:o} {entry.sha.decode()}"
        self._check_size(files.values())
        return SourceTree(
            tree_id=root.decode(),
            committed_at=datetime.fromtimestamp(self.commit.commit_time, UTC),
            files=files,
            folders=folders,
            read=lambda path: self._content(files[path]),
            archive=lambda: self._archive(files),
        )

    def _check_size(self, entries: Iterable[str]) -> None:
        sizes = [len(self._content(entry)) for entry in entries if not _is_submodule(entry)]
        if len(sizes) > MOST_FILES:
            raise SourceError(f"the commit has {len(sizes)} files; the limit is {MOST_FILES}")
        if sum(sizes) > MOST_BYTES:
            raise SourceError(f"the commit has {sum(sizes)} bytes; the limit is {MOST_BYTES}")

    def _content(self, entry: str) -> bytes:
        blob = self.repository[ObjectID(entry.split()[1].encode())]
        return blob.data if isinstance(blob, Blob) else b""

    def _archive(self, files: dict[str, str]) -> bytes:
        packed = io.BytesIO()
        # No times and no names: equal trees make equal archives.
        with (
            gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for path in sorted(files):
                if not _is_submodule(files[path]):
                    self._add(archive, path, files[path])
        return packed.getvalue()

    def _add(self, archive: tarfile.TarFile, path: str, entry: str) -> None:
        mode, content = int(entry.split(maxsplit=1)[0], 8), self._content(entry)
        member = tarfile.TarInfo(path)
        member.mode = 0o755 if mode & 0o111 else 0o644
        if stat.S_ISLNK(mode):
            member.type, member.linkname = tarfile.SYMTYPE, content.decode()
            archive.addfile(member)
            return
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


def _is_submodule(entry: str) -> bool:
    return S_ISGITLINK(int(entry.split(maxsplit=1)[0], 8))
