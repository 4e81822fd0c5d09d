"""The files of a repository, as discovery sees them: within limits, and never an error."""

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from penstock_shared.configuration.document import Mistake, read_loosely
from penstock_shared.configuration.fields import LONGEST_PATH
from penstock_shared.globs import is_glob

_LARGEST = 256 * 1024
"""Bytes of a file that is read. Larger ones are none that people write."""
_MOST_BYTES = 16 << 20
"""Of all files that are read together."""
_LEFT_OUT = frozenset(
    {
        "__pycache__", "__tests__", "bower_components", "dist", "doc", "docs", "example",
        "examples", "fixtures", "node_modules", "site-packages", "test", "testdata", "tests",
        "third_party", "vendor", "venv",
    }
)  # fmt: skip
"""Folders that hold no components, whatever is in them."""


class Files:
    """The files of one tree. `read` returns the content of one of `paths`."""

    def __init__(self, paths: Iterable[str], read: Callable[[str], bytes]) -> None:
        self._all = frozenset(path for path in paths if _can_be_written(path))
        self._read = read
        self._left = _MOST_BYTES
        self._texts: dict[str, str] = {}

    @cached_property
    def own(self) -> tuple[str, ...]:
        """The paths, sorted, of what is the repository's own code, without tests and copies."""
        return tuple(path for path in sorted(self._all) if _is_own(path))

    @cached_property
    def by_folder(self) -> Mapping[str, list[str]]:
        """The names of all files in each folder; the root is `.`."""
        found: dict[str, list[str]] = {}
        for path in sorted(self._all):
            folder, _, name = path.rpartition("/")
            found.setdefault(folder or ".", []).append(name)
        return found

    def has(self, *parts: str) -> bool:
        """Whether there is a file of this path."""
        return joined(*parts) in self._all

    def below(self, folder: str) -> list[str]:
        """All paths below a folder."""
        return [path for path in sorted(self._all) if is_in(path, folder)]

    def text(self, *parts: str) -> str:
        """The text of a file; empty if there is none, or it is too large or no text."""
        path = joined(*parts)
        if path not in self._texts:
            self._texts[path] = self._load(path)
        return self._texts[path]

    def toml(self, *parts: str) -> dict[str, Any]:
        """The content of a TOML file; empty if it cannot be read."""
        try:
            return tomllib.loads(self.text(*parts))
        except (tomllib.TOMLDecodeError, RecursionError):
            return {}

    def json(self, *parts: str) -> dict[str, Any]:
        """The content of a JSON file that is a mapping; empty if it cannot be read."""
        try:
            return mapping(json.loads(self.text(*parts) or "{}"))
        except (ValueError, RecursionError):
            return {}

    def yaml(self, *parts: str) -> dict[str, Any]:
        """The content of a YAML file that is a mapping, all values as text; empty if unreadable."""
        try:
            return mapping(read_loosely(self.text(*parts)))
        except Mistake:
            return {}

    def _load(self, path: str) -> str:
        content = self._read(path) if path in self._all and self._left > 0 else b""
        self._left -= len(content)
        if len(content) > _LARGEST:
            return ""
        return content.decode("utf-8-sig", errors="ignore")


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is a mapping, and otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def joined(*parts: str) -> str:
    """A path of parts, of which `.` adds nothing."""
    return "/".join(part for part in parts if part not in ("", "."))


def is_in(path: str, folder: str) -> bool:
    """Whether a path lies below a folder."""
    return folder == "." or path.startswith(f"{folder}/")


def _can_be_written(path: str) -> bool:
    """Whether `penstock.yml` can name it: as text, and not as a pattern."""
    return path.isprintable() and len(path) <= LONGEST_PATH and not is_glob(path)


def _is_own(path: str) -> bool:
    *folders, _ = path.split("/")
    return not any(part in _LEFT_OUT or part.startswith(".") for part in folders)
