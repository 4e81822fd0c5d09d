"""A source tree of git, in which every file has the id of its content."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Protocol

from build_service.domain.errors import BuildError
from penstock_shared.contracts.change import Change
from penstock_shared.contracts.model import Contract
from penstock_shared.contracts.plan import History
from penstock_shared.contracts.registry import ReadCredential
from penstock_shared.identifiers import digest_of
from penstock_shared.inputs import PathIndex, folder_of

MOST_COMPARISONS = 1_000_000
"""The most comparisons of paths with patterns that have wildcards. They take about two seconds."""


class ArchiveMaker(Protocol):
    """Makes the snapshot of a tree."""

    def __call__(self, history: History, *, lfs: bool = True) -> bytes:
        """The tar.gz."""
        ...


@dataclass(frozen=True)
class SourceTree:
    """The files of one commit.

    `files` maps each path to `<mode> <git object id>`; `folders` each folder to its git tree id
    (the root is "."). `head` is the commit of the change's ref when it was fetched; empty if the
    ref is gone. `held` says whether the ref was at this commit at that moment or later, by the
    dates of the commits that followed; without a moment, whether the ref's history has it at all.
    `merge` is the merge commit whose files these are; empty if they are those of the change's own
    commit. `message` is the message of that one. `read` returns a file's bytes. `archive` returns
    the whole tree with so much of its git history as a tar.gz, with the contents of files in Git
    LFS unless `lfs` is false. Its bytes depend only on these, commit and ref. `held` and `archive`
    raise the errors of fetching.
    """

    tree_id: str
    committed_at: datetime
    files: Mapping[str, str]
    folders: Mapping[str, str]
    read: Callable[[str], bytes]
    archive: "ArchiveMaker"
    head: str = ""
    held: Callable[[datetime | None], bool] = lambda _since: False
    merge: str = ""
    message: str = ""
    _digests: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    _compared: Counter[str] = field(default_factory=Counter, compare=False, repr=False)

    def holds(self, folder: str) -> bool:
        """Whether the folder exists."""
        return folder in self.folders

    def digest(self, pattern: str) -> str:
        """The hash over the names, modes and contents of what an input names; empty for nothing.

        See `penstock_shared.inputs`. Raises BuildError when all patterns together have too much to
        be compared with.
        """
        if pattern not in self._digests:
            self._digests[pattern] = self._digest(pattern)
        return self._digests[pattern]

    def _digest(self, pattern: str) -> str:
        folder = folder_of(pattern)
        if folder is not None and folder in self.folders:
            return self.folders[folder]
        if folder is None:
            self._count(pattern)
        named = [f"{path} {self.files[path]}" for path in self._paths.named_by(pattern)]
        # No name in git has a NUL in it.
        return digest_of("\0".join(named)) if named else ""

    def _count(self, pattern: str) -> None:
        self._compared["paths"] += len(self._paths.compared_with(pattern))
        if self._compared["paths"] > MOST_COMPARISONS:
            raise BuildError(
                "penstock.yml: too many patterns with wildcards for a commit of "
                f"{len(self.files):,} files: {MOST_COMPARISONS:,} comparisons are the limit, which "
                f"{pattern[:100]!r} exceeds. Let patterns begin with a folder, or name folders"
            )

    @cached_property
    def _paths(self) -> PathIndex:
        return PathIndex(self.files)


class MergeRef(Contract):
    """Where the forge keeps the merge commit of a pull request.

    If it is `awaited`, the forge always makes one, and its head alone is not checked.
    """

    ref: str
    awaited: bool


class SourceRepository(Protocol):
    """The source of trees, for example a git server."""

    def fetch(
        self,
        change: Change,
        credential: ReadCredential | None = None,
        merge: MergeRef | None = None,
    ) -> SourceTree:
        """The tree of the change's commit, fetched with a credential if there is one.

        With `merge`, the tree of the merge commit there, if that is one of the change's commit.

        Raises SourceError when it cannot be fetched, SourceUnavailableError when a retry may help.
        """
        ...
