"""Results that are remembered under the hash of their inputs: artifacts, and passed gates.

Items are in their service's table: `id` is `memo#<trust>#<key>`, `doc` (S) the answer as JSON. The
trust is that of the flow that the answer comes from, so no flow of lower trust can change what a
higher one recalls.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic_core import from_json, to_json

from penstock_shared.clock import Clock, utc_now
from penstock_shared.contracts.change import Trust, readable_by
from penstock_shared.persistence.dynamodb import RETENTION

KEYS_A_READ = 100
"""The most items that one BatchGetItem returns."""
ITEMS_A_WRITE = 25
"""The most items that one BatchWriteItem takes."""


class Memo(Protocol):
    """Answers by the hash of what they follow from."""

    def recall(self, trust: Trust, keys: Iterable[str]) -> Mapping[str, dict[str, Any]]:
        """The answers that a flow of this trust may use, by key.

        Of several the one of the highest trust counts.
        """
        ...

    def remember(self, trust: Trust, answers: Mapping[str, dict[str, Any]]) -> None:
        """Keep answers, by key, as those of a flow of this trust.

        Equal keys of one trust have equal answers, so overwriting is harmless.
        """
        ...


@dataclass(frozen=True)
class DynamoMemo:
    """The memo in a DynamoDB table."""

    client: Any
    table: str
    clock: Clock = utc_now

    def recall(self, trust: Trust, keys: Iterable[str]) -> Mapping[str, dict[str, Any]]:
        """See Memo.recall. Each call reads up to 100 items: one for each key and trust."""
        wanted = list(dict.fromkeys(keys))
        lowest_first = tuple(reversed(readable_by(trust)))
        found = self._read([_id_of(writer, key) for writer in lowest_first for key in wanted])
        return {
            key: found[_id_of(writer, key)]
            for writer in lowest_first
            for key in wanted
            if _id_of(writer, key) in found
        }

    def _read(self, ids: Sequence[str]) -> Mapping[str, dict[str, Any]]:
        wanted = [{"id": {"S": one}} for one in ids]
        items: dict[str, dict[str, Any]] = {}
        while wanted:
            batch, wanted = wanted[:KEYS_A_READ], wanted[KEYS_A_READ:]
            wish = {"Keys": batch, "ConsistentRead": True}
            answer = self.client.batch_get_item(RequestItems={self.table: wish})
            for item in answer["Responses"].get(self.table, []):
                items[item["id"]["S"]] = from_json(item["doc"]["S"])
            wanted += answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
        return items

    def remember(self, trust: Trust, answers: Mapping[str, dict[str, Any]]) -> None:
        """Keep answers as long as records are kept. Each call writes up to 25."""
        items = [self._item(trust, key, answer) for key, answer in answers.items()]
        if len(items) == 1:
            self.client.put_item(TableName=self.table, Item=items[0])
            return
        wanted = [{"PutRequest": {"Item": item}} for item in items]
        while wanted:
            batch, wanted = wanted[:ITEMS_A_WRITE], wanted[ITEMS_A_WRITE:]
            answer = self.client.batch_write_item(RequestItems={self.table: batch})
            wanted += answer.get("UnprocessedItems", {}).get(self.table, [])

    def _item(self, trust: Trust, key: str, answer: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": {"S": _id_of(trust, key)},
            "doc": {"S": to_json(answer).decode()},
            "expires_at": {"N": str(int((self.clock() + RETENTION).timestamp()))},
        }


def _id_of(trust: Trust, key: str) -> str:
    return f"memo#{trust}#{key}"
