"""A source tree as git knows it: every file has the id of its content already."""

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
    (the root is "."). `head` is the commit that the change's ref was at when it was fetched, empty
    where the ref is gone. `read` gives a file's bytes. `archive` gives the whole, with so much of
    its git history, as a tar.gz, byte by byte the same for the same commit, ref and history; it
    raises what fetching raises.
    """

    tree_id: str
    committed_at: datetime
    files: Mapping[str, str]
    folders: Mapping[str, str]
    read: Callable[[str], bytes]
    archive: Callable[[History], bytes]
    head: str = ""

    def holds(self, folder: str) -> bool:
        """Whether there is such a folder."""
        return folder in self.folders

    def digest(self, folder: str, patterns: Iterable[str] = ()) -> str:
        """The hash over a folder and the files that match any of the patterns.

        Timestamps do not count; names, modes and contents do.
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
    """Where source comes from."""

    def fetch(self, change: Change) -> SourceTree:
        """The tree of the change's commit.

        Raises SourceError when it cannot be had, SourceUnavailableError when it may be later.
        """
        ...
