"""DynamoDB's items in a journal: a save writes the items that changed, not all that there are.

One file of lines, `[<table>, <partition key>, <sort key>, <item or null>]`; a later line of one key
replaces an earlier one. A snapshot says how many bytes of which file are part of it, so what a save
that died has left behind those bytes counts for nothing.
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
"""Stands for all keys: the journal is to be written anew."""
SMALL = 8 << 20
"""Bytes up to which a journal is never written anew."""
WORN = 3
"""A journal this many times as large as it was when it was written anew is written anew again."""


@dataclass(frozen=True)
class Extent:
    """A part of a journal's file: its first `size` bytes, of which `fresh` were written at once."""

    file: str = ""
    size: int = 0
    fresh: int = 0


@dataclass
class ItemJournal:
    """The journal in `folder`, of which `extent` is saved.

    `tables` gives all tables, each with a unique `TableId` and its `items` by both keys.
    """

    folder: Path
    tables: Callable[[], list[Table]]
    extent: Extent = field(default_factory=Extent)
    _dirty: set[Key] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def after(self, change: Callable[..., Result]) -> Callable[..., Result]:
        """The function that changes an item of a table, noting which."""

        def noting(table: Table, partition: str, sort: str, *rest: Any) -> Result:
            result = change(table, partition, sort, *rest)
            # Afterwards: a save that begins in between knows the key only for the next one.
            with self._lock:
                self._dirty.add((_id_of(table), partition, sort))
            return result

        return noting

    def after_all(self, change: Callable[[Table], Result]) -> Callable[[Table], Result]:
        """The function that replaces a whole table's items: the journal is then written anew."""

        def noting(table: Table) -> Result:
            result = change(table)
            with self._lock:
                self._dirty.add(EVERYTHING)
            return result

        return noting

    def taken(self, fork: Callable[[], Result]) -> tuple[set[Key], Result]:
        """Fork while nobody can note a change; returns the keys that the child shall write."""
        with self._lock:
            taken, self._dirty = self._dirty, set()
            return taken, fork()

    def give_back(self, taken: set[Key]) -> None:
        """The save did not succeed: its keys are for the next one."""
        with self._lock:
            self._dirty |= taken

    def write(self, taken: set[Key], generation: int) -> Extent:
        """Append these items, or write the journal anew where it is worn or not there."""
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
        """The items of a saved extent, by table, partition key and sort key."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for table, partition, sort, item in self._lines(extent):
            items = found.setdefault(table, {}).setdefault(partition, {})
            if item is None:
                items.pop(sort, None)
            else:
                items[sort] = item
        return {table: _without_empty(items) for table, items in found.items()}

    def forget_others(self, extent: Extent) -> None:
        """Remove the files of journals before this one."""
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
    """A table that is made again under the same name has another id, and none of these items."""
    return str(table.get("TableId", ""))


def _line(change: tuple[str, str, str, Any]) -> str:
    return json.dumps(change) + "\n"


def _without_empty(items: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {partition: inner for partition, inner in items.items() if inner}
