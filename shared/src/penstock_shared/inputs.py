"""Which files of a tree an input names.

Build makes keys of the inputs of a component, and the runner the tree that its jobs see. Both ask
this module, so that a key holds exactly what a job can read.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import takewhile

from penstock_shared.globs import glob_matcher, is_glob

SPARSE = "sparse/"
"""The folder in a snapshot's `.git` of what the `.git` of a part of the tree has otherwise."""
_BENEATH = "/**"


def folder_of(pattern: str) -> str | None:
    """The folder that the pattern names with all that is in it; None if it has wildcards before."""
    folder = pattern.removesuffix(_BENEATH)
    return None if is_glob(folder) else folder


class PathIndex:
    """The paths of one tree, and those of them that a pattern names.

    A pattern without wildcards names a file, or a folder with all that is in it. `folder/**` names
    all that is in the folder. Any other names the files that it matches: see globs.py.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = sorted(paths)
        self._matched: dict[str, Sequence[str]] = {}

    def named_by(self, pattern: str) -> Sequence[str]:
        """The paths, sorted. Patterns with wildcards are compared with each path only once."""
        folder = folder_of(pattern)
        if folder is not None:
            beneath = self._beneath(folder)
            return [folder, *beneath] if self._has(pattern) else beneath
        if pattern not in self._matched:
            matches = glob_matcher(pattern)
            self._matched[pattern] = [path for path in self.compared_with(pattern) if matches(path)]
        return self._matched[pattern]

    def compared_with(self, pattern: str) -> Sequence[str]:
        """The paths that a pattern with wildcards is compared with: those in the folder that it
        begins with.
        """
        folder = "/".join(takewhile(lambda part: not is_glob(part), pattern.split("/")))
        return self._beneath(folder) if folder else self._paths

    def _has(self, path: str) -> bool:
        place = bisect_left(self._paths, path)
        return place < len(self._paths) and self._paths[place] == path

    def _beneath(self, folder: str) -> Sequence[str]:
        # "0" is the character after "/".
        first, last = (bisect_left(self._paths, f"{folder}{end}") for end in "/0")
        return self._paths[first:last]
