"""Objects in the artifact bucket for what is too large for an item of a table.

An item holds its attributes while they are small. Beyond `INLINE_BYTES` the pending events go to an
object, then the record too, and the item's attribute `document` names the object. It is a JSON
object of the attributes that are not in the item. Each object is written once.
"""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pydantic_core import from_json, to_json

from penstock_shared.aws import errors
from penstock_shared.identifiers import digest_of
from penstock_shared.storage import ObjectStore

INLINE_BYTES = 32_000
"""The most bytes of a record and its events in an item. DynamoDB allows 400 KB, but charges by the
kilobyte written: beyond about this size an object costs less."""
_ELSEWHERE = {"S": "in the document"}

Item = dict[str, Any]


@dataclass(frozen=True)
class Documents:
    """The objects of one table.

    The bucket's lifecycle removes objects under `records/expiring/` when their records have
    expired. Objects under `records/kept/` belong to records that never expire.
    """

    objects: ObjectStore
    table: str
    expiring: bool

    def move_out(self, item: Item) -> str:
        """Move what is too large from the item to a new object; returns its key, or ""."""
        sizes = {part: len(item[part]["S"].encode()) for part in ("doc", "pending") if part in item}
        if sum(sizes.values()) <= INLINE_BYTES:
            return ""
        more = {"pending": item["pending"]} if "pending" in item else {}
        if sizes["doc"] > INLINE_BYTES:
            more["doc"] = item.pop("doc")
        if "pending" in more:
            # `clear` removes this attribute, and so the events, wherever they are stored.
            item["pending"] = _ELSEWHERE
        body = to_json(more)
        key = self._key(item, body)
        self.objects.put(key, body)
        item["document"] = {"S": key}
        return key

    def move_in(self, item: Item) -> Item:
        """The item with its object's attributes. Raises botocore's ClientError if that is gone."""
        if "doc" in item and item.get("pending") != _ELSEWHERE:
            return item
        more: Item = from_json(self.objects.get(item["document"]["S"]))
        return item | {part: value for part, value in more.items() if part in item or part == "doc"}

    def delete(self, key: str) -> None:
        """Delete an object, if there is one, that no item names any longer.

        If that fails, the object stays, which is harmless.
        """
        if not key:
            return
        try:
            self.objects.delete(key)
        except (errors.ClientError, errors.BotoCoreError):
            return

    def _key(self, item: Item, body: bytes) -> str:
        """A new key for each write. Two writers of equal contents write two objects, so that the
        writer who loses can delete its own.
        """
        lasting = "expiring" if self.expiring else "kept"
        record = digest_of(item["id"]["S"])[:20]
        content = digest_of(body.decode())[:16]
        version = item["version"]["N"]
        return f"records/{lasting}/{self.table}/{record}/{version}-{content}-{uuid4().hex[:8]}.json"


def named_by(item: Item | None) -> str:
    """The key of the object that an item names, or an empty text."""
    return str(item["document"]["S"]) if item and "document" in item else ""
