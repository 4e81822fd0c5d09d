"""A source tree of git, in which every file has the id of its content."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Protocol

from penstock_shared.contracts.change import Change
from penstock_shared.contracts.plan import History
from penstock_shared.globs import glob_matcher, is_glob
from penstock_shared.identifiers import digest_of


@dataclass(frozen=True)
class SourceTree:
    """The files of one commit.

    `files` maps each path to `<mode> <git object id>`; `folders` each folder to its git tree id
    (the root is "."). `head` is the commit of the change's ref when it was fetched; empty if the
    ref is gone. `read` returns a file's bytes. `archive` returns the whole tree with so much of its
    git history as a tar.gz. Its bytes depend only on commit, ref and history. It raises the errors
    of fetching.
    """

    tree_id: str
    committed_at: datetime
    files: Mapping[str, str]
    folders: Mapping[str, str]
    read: Callable[[str], bytes]
    archive: Callable[[History], bytes]
    head: str = ""

    def holds(self, folder: str) -> bool:
        """Whether the folder exists."""
        return folder in self.folders

    def digest(self, folder: str, patterns: Iterable[str] = ()) -> str:
        """The hash over a folder and the files that match any of the patterns.

        The hash depends on names, modes and contents, and not on timestamps.
        """
        matches = (f"{pattern}={self._matching(pattern)}" for pattern in patterns)
        return digest_of(f"{folder}={self.folders.get(folder, '')}", *matches)

    def _matching(self, pattern: str) -> str:
        folder = pattern.removesuffix("/**")
        if folder in self.folders and not is_glob(folder):
            return self.folders[folder]
        matches = glob_matcher(pattern)
        return digest_of(*(f"{path} {self.files[path]}" for path in self._paths if matches(path)))

    @cached_property
    def _paths(self) -> list[str]:
        return sorted(self.files)


class SourceRepository(Protocol):
    """The source of trees, for example a git server."""

    def fetch(self, change: Change) -> SourceTree:
        """The tree of the change's commit.

        Raises SourceError when it cannot be fetched, SourceUnavailableError when a retry may help.
        """
        ...
