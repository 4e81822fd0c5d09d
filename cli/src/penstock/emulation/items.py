"""A journal of DynamoDB's items: a save writes only the items that changed.

One file of lines, `[<table>, <partition key>, <sort key>, <item or null>]`. A later line replaces
an earlier one of the same key. A snapshot records the file and how many of its bytes are valid, so
whatever a dead save has written after them is ignored.
"""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.emulation.kinds import Result

Table = dict[str, Any]
Key = tuple[str, str, str]

EVERYTHING: Key = ("", "", "")
"""Stands for all keys: the whole journal must be rewritten."""
SMALL = 8 << 20
"""Bytes up to which a journal is never rewritten."""
WORN = 3
"""A journal is rewritten when it is this many times as large as after its last rewrite."""


@dataclass(frozen=True)
class Extent:
    """The first `size` bytes of a journal's file; `fresh` was its size after the last rewrite."""

    file: str = ""
    size: int = 0
    fresh: int = 0


@dataclass
class ItemJournal:
    """The journal in `folder`; `extent` is the part that the newest snapshot includes.

    `tables` returns all tables, each with a unique `TableId` and its `items` by both keys.
    """

    folder: Path
    tables: Callable[[], list[Table]]
    extent: Extent = field(default_factory=Extent)
    _dirty: set[Key] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def after(self, change: Callable[..., Result]) -> Callable[..., Result]:
        """Wrap a function that changes an item, so that the change is noted."""

        def noting(table: Table, partition: str, sort: str, *rest: Any) -> Result:
            result = change(table, partition, sort, *rest)
            # Noted after the change: a save that starts in between leaves the key to the next.
            with self._lock:
                self._dirty.add((_id_of(table), partition, sort))
            return result

        return noting

    def after_all(self, change: Callable[[Table], Result]) -> Callable[[Table], Result]:
        """Wrap a function that replaces all items of a table: the journal is then rewritten."""

        def noting(table: Table) -> Result:
            result = change(table)
            with self._lock:
                self._dirty.add(EVERYTHING)
            return result

        return noting

    def taken(self, fork: Callable[[], Result]) -> tuple[set[Key], Result]:
        """Fork while no change can be noted; returns the keys that the child must write."""
        with self._lock:
            taken, self._dirty = self._dirty, set()
            return taken, fork()

    def give_back(self, taken: set[Key]) -> None:
        """Return the keys of a failed save, for the next one."""
        with self._lock:
            self._dirty |= taken

    def write(self, taken: set[Key], generation: int) -> Extent:
        """Append these items; rewrite the journal if it is too large or missing."""
        before = self.extent
        worn = before.size > max(SMALL, WORN * before.fresh)
        if worn or not before.file or EVERYTHING in taken:
            return self._write_anew(f"{generation}.jsonl")
        with (self.folder / before.file).open("r+b") as file:
            file.truncate(before.size)
            file.seek(before.size)
            file.write("".join(map(_line, self._changes(taken))).encode())
            return Extent(before.file, file.tell(), before.fresh)

    def read(self, extent: Extent) -> dict[str, dict[str, dict[str, Any]]]:
        """The items in an extent, by table, partition key and sort key."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for table, partition, sort, item in self._lines(extent):
            items = found.setdefault(table, {}).setdefault(partition, {})
            if item is None:
                items.pop(sort, None)
            else:
                items[sort] = item
        return {table: _without_empty(items) for table, items in found.items()}

    def forget_others(self, extent: Extent) -> None:
        """Remove all files but that of this extent."""
        for path in self.folder.glob("*.jsonl"):
            if path.name != extent.file:
                path.unlink()

    def _write_anew(self, name: str) -> Extent:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / name).open("wb") as file:
            for change in self._all():
                file.write(_line(change).encode())
            return Extent(name, file.tell(), file.tell())

    def _all(self) -> Iterator[tuple[str, str, str, Any]]:
        for table in self.tables():
            for partition, items in table["items"].items():
                for sort, item in items.items():
                    yield _id_of(table), partition, sort, item

    def _changes(self, taken: set[Key]) -> Iterator[tuple[str, str, str, Any]]:
        by_id = {_id_of(table): table["items"] for table in self.tables()}
        for table, partition, sort in taken:
            if table in by_id:
                yield table, partition, sort, by_id[table].get(partition, {}).get(sort)

    def _lines(self, extent: Extent) -> Iterator[tuple[str, str, str, Any]]:
        left = extent.size
        if not left:
            return
        with (self.folder / extent.file).open("rb") as file:
            while left > 0:
                line = file.readline()
                left -= len(line)
                yield json.loads(line)


def _id_of(table: Table) -> str:
    """The id, not the name: a table that is created again must not get the old items."""
    return str(table.get("TableId", ""))


def _line(change: tuple[str, str, str, Any]) -> str:
    return json.dumps(change) + "\n"


def _without_empty(items: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {partition: inner for partition, inner in items.items() if inner}
