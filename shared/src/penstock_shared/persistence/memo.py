"""Results that are remembered under the hash of their inputs: artifacts, and passed gates.

Items are in their service's table: `id` is `memo#<key>`, `doc` (S) the answer as JSON.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic_core import from_json, to_json

from penstock_shared.clock import Clock, utc_now
from penstock_shared.persistence.dynamodb import RETENTION

KEYS_A_READ = 100
"""The most items that one BatchGetItem returns."""
ITEMS_A_WRITE = 25
"""The most items that one BatchWriteItem takes."""


class Memo(Protocol):
    """Answers by the hash of what they follow from."""

    def recall(self, keys: Iterable[str]) -> Mapping[str, dict[str, Any]]:
        """The answers that are known, by key."""
        ...

    def remember(self, answers: Mapping[str, dict[str, Any]]) -> None:
        """Keep answers, by key. Equal keys have equal answers, so overwriting is harmless."""
        ...


@dataclass(frozen=True)
class DynamoMemo:
    """The memo in a DynamoDB table."""

    client: Any
    table: str
    clock: Clock = utc_now

    def recall(self, keys: Iterable[str]) -> Mapping[str, dict[str, Any]]:
        """The answers that are known, by key. Each call reads up to 100."""
        wanted = [{"id": {"S": f"memo#{key}"}} for key in dict.fromkeys(keys)]
        answers: dict[str, dict[str, Any]] = {}
        while wanted:
            batch, wanted = wanted[:KEYS_A_READ], wanted[KEYS_A_READ:]
            wish = {"Keys": batch, "ConsistentRead": True}
            found = self.client.batch_get_item(RequestItems={self.table: wish})
            for item in found["Responses"].get(self.table, []):
                answers[item["id"]["S"].removeprefix("memo#")] = from_json(item["doc"]["S"])
            wanted += found.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
        return answers

    def remember(self, answers: Mapping[str, dict[str, Any]]) -> None:
        """Keep answers, by key, as long as records are kept. Each call writes up to 25."""
        items = [self._item(key, answer) for key, answer in answers.items()]
        if len(items) == 1:
            self.client.put_item(TableName=self.table, Item=items[0])
            return
        wanted = [{"PutRequest": {"Item": item}} for item in items]
        while wanted:
            batch, wanted = wanted[:ITEMS_A_WRITE], wanted[ITEMS_A_WRITE:]
            answer = self.client.batch_write_item(RequestItems={self.table: batch})
            wanted += answer.get("UnprocessedItems", {}).get(self.table, [])

    def _item(self, key: str, answer: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": {"S": f"memo#{key}"},
            "doc": {"S": to_json(answer).decode()},
            "expires_at": {"N": str(int((self.clock() + RETENTION).timestamp()))},
        }
