"""Results that are remembered under the hash of their inputs: artifacts, and passed gates.

Items are in their service's table: `id` is `memo#<trust>#<key>`, `doc` (S) the answer as JSON. The
trust is that of the flow that the answer comes from, so no flow of lower trust can change what a
higher one recalls.

What an answer follows from besides its key is the toolchain of its runner, which is known only
once a job has ended. So an answer may name it, in `toolchain`. An item `toolchain#<trust>` holds
the one that was named last, and answers that name another are not recalled. It is read and written
with the answers, in the same calls.
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
Answer = dict[str, Any]
"""A JSON object. Its `toolchain`, if it has one, is that of the runner it comes from."""


class Memo(Protocol):
    """Answers by the hash of what they follow from."""

    def recall(
        self, trust: Trust, keys: Iterable[str], *, of_any_toolchain: bool = False
    ) -> Mapping[str, Answer]:
        """The answers that a flow of this trust may use, by key.

        Of several the one of the highest trust counts. None of another toolchain than that which
        the runners of this trust used last is among them, unless the flow's own jobs have answered:
        then `of_any_toolchain` recalls them all.
        """
        ...

    def remember(self, trust: Trust, answers: Mapping[str, Answer]) -> None:
        """Keep answers, by key, as those of a flow of this trust.

        Equal keys and toolchains of one trust have equal answers, so overwriting is harmless. The
        toolchain that is named last is from now on the one of this trust.
        """
        ...


def toolchain_of(answers: Mapping[str, Answer]) -> str:
    """The toolchain that is named last among these answers; empty if none is."""
    named = (answer.get("toolchain") for answer in reversed([*answers.values()]))
    return next((str(toolchain) for toolchain in named if toolchain), "")


def is_made_with(answer: Answer, toolchain: str) -> bool:
    """Whether an answer counts where this toolchain is in use, or none is known to be."""
    return not toolchain or answer.get("toolchain", "") == toolchain


@dataclass(frozen=True)
class DynamoMemo:
    """The memo in a DynamoDB table."""

    client: Any
    table: str
    clock: Clock = utc_now

    def recall(
        self, trust: Trust, keys: Iterable[str], *, of_any_toolchain: bool = False
    ) -> Mapping[str, Answer]:
        """See Memo.recall. Each call reads up to 100 items: one for each key and trust."""
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return {}
        places = [(writer, key) for writer in reversed(readable_by(trust)) for key in wanted]
        in_use = _toolchain_id(trust)
        found = self._read([in_use, *(_id_of(*place) for place in places)])
        known = found.get(in_use, {}).get("toolchain", "")
        toolchain = "" if of_any_toolchain else known
        return {
            key: found[place]
            for writer, key in places
            if (place := _id_of(writer, key)) in found and is_made_with(found[place], toolchain)
        }

    def _read(self, ids: Sequence[str]) -> Mapping[str, Answer]:
        wanted = [{"id": {"S": one}} for one in ids]
        items: dict[str, Answer] = {}
        while wanted:
            batch, wanted = wanted[:KEYS_A_READ], wanted[KEYS_A_READ:]
            wish = {"Keys": batch, "ConsistentRead": True}
            answer = self.client.batch_get_item(RequestItems={self.table: wish})
            for item in answer["Responses"].get(self.table, []):
                items[item["id"]["S"]] = from_json(item["doc"]["S"])
            wanted += answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
        return items

    def remember(self, trust: Trust, answers: Mapping[str, Answer]) -> None:
        """Keep answers as long as records are kept. Each call writes up to 25 items."""
        items = [self._item(_id_of(trust, key), answer) for key, answer in answers.items()]
        if toolchain := toolchain_of(answers):
            items.append(self._item(_toolchain_id(trust), {"toolchain": toolchain}))
        if len(items) == 1:
            self.client.put_item(TableName=self.table, Item=items[0])
            return
        wanted = [{"PutRequest": {"Item": item}} for item in items]
        while wanted:
            batch, wanted = wanted[:ITEMS_A_WRITE], wanted[ITEMS_A_WRITE:]
            answer = self.client.batch_write_item(RequestItems={self.table: batch})
            wanted += answer.get("UnprocessedItems", {}).get(self.table, [])

    def _item(self, item_id: str, answer: Answer) -> dict[str, Any]:
        return {
            "id": {"S": item_id},
            "doc": {"S": to_json(answer).decode()},
            "expires_at": {"N": str(int((self.clock() + RETENTION).timestamp()))},
        }


def _id_of(trust: Trust, key: str) -> str:
    return f"memo#{trust}#{key}"


def _toolchain_id(trust: Trust) -> str:
    return f"toolchain#{trust}"
