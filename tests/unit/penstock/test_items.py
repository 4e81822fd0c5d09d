"""The journal of the emulator's tables: what a save writes, and what a load reads."""

from pathlib import Path
from typing import Any

import pytest

from penstock.emulation import items
from penstock.emulation.items import ItemJournal


class Tables:
    """Two tables, changed as ministack changes them."""

    def __init__(self, folder: Path) -> None:
        self.all: list[dict[str, Any]] = [{"TableId": name, "items": {}} for name in ("a", "b")]
        self.journal = ItemJournal(folder, lambda: self.all)
        self._set = self.journal.after(self._set_item)
        self._remove = self.journal.after(self._remove_item)
        self._saves = 0

    @staticmethod
    def _set_item(table: dict[str, Any], partition: str, sort: str, item: Any) -> None:
        table["items"].setdefault(partition, {})[sort] = item

    @staticmethod
    def _remove_item(table: dict[str, Any], partition: str, sort: str) -> None:
        del table["items"][partition][sort]

    def put(self, number: int, partition: str, item: Any) -> None:
        self._set(self.all[number], partition, "-", item)

    def remove(self, number: int, partition: str) -> None:
        self._remove(self.all[number], partition, "-")

    def save(self) -> None:
        taken, _ = self.journal.taken(lambda: None)
        self._saves += 1
        self.journal.extent = self.journal.write(taken, self._saves)
        self.journal.forget_others(self.journal.extent)

    def loaded(self) -> dict[str, dict[str, dict[str, Any]]]:
        return ItemJournal(self.journal.folder, list).read(self.journal.extent)


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(tmp_path)


def test_a_load_finds_the_newest_of_each_item(tables: Tables) -> None:
    tables.put(0, "x", {"n": 1})
    tables.put(1, "x", {"n": 2})
    tables.save()
    tables.put(0, "x", {"n": 3})
    tables.put(1, "y", {"n": 4})
    tables.remove(1, "x")
    tables.save()

    assert tables.loaded() == {
        "a": {"x": {"-": {"n": 3}}},
        "b": {"y": {"-": {"n": 4}}},
    }


def test_a_save_writes_what_changed_and_no_more(tables: Tables) -> None:
    for number in range(1000):
        tables.put(0, str(number), {"n": number})
    tables.save()
    before = tables.journal.extent.size

    tables.put(0, "7", {"n": -7})
    tables.save()

    assert 0 < tables.journal.extent.size - before < 100
    assert tables.loaded()["a"]["7"]["-"] == {"n": -7}


def test_what_a_save_that_failed_has_written_counts_for_nothing(tables: Tables) -> None:
    tables.put(0, "x", 1)
    tables.save()
    tables.put(0, "x", 2)
    taken, _ = tables.journal.taken(lambda: None)
    tables.journal.write(taken, 9)  # the child dies before its snapshot becomes the current one
    tables.journal.give_back(taken)

    assert tables.loaded()["a"]["x"]["-"] == 1

    tables.put(0, "y", 3)
    tables.save()
    assert tables.loaded()["a"] == {"x": {"-": 2}, "y": {"-": 3}}


def test_a_worn_journal_is_written_anew(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "SMALL", 1000)
    for number in range(300):
        tables.put(0, "x", {"n": number})
        tables.save()

    assert tables.journal.extent.size < 1100
    assert [path.name for path in tables.journal.folder.iterdir()] == [tables.journal.extent.file]
    assert tables.loaded() == {"a": {"x": {"-": {"n": 299}}}}


def test_items_that_were_replaced_all_at_once_are_written_all(tables: Tables) -> None:
    tables.put(0, "x", 1)
    tables.save()
    replaced = tables.journal.after_all(lambda table: table.update(items={"z": {"-": 5}}))
    replaced(tables.all[0])
    tables.save()

    assert tables.loaded() == {"a": {"z": {"-": 5}}}


def test_a_table_made_again_has_none_of_the_items_before(tables: Tables) -> None:
    tables.put(0, "x", 1)
    tables.save()
    tables.all[0] = {"TableId": "a again", "items": {}}
    tables.put(0, "y", 2)
    tables.save()

    assert tables.loaded()["a again"] == {"y": {"-": 2}}
