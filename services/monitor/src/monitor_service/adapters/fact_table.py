"""Facts on DynamoDB: the flows table.

Items: `flow_id` (S, hash key), `part` (S, range key: see `monitor_service.domain.facts`), one
attribute a fact (S, its text), `expires_at` (N, epoch seconds, the table's TTL). The item of the
part `flow` is listed: `listed` (S, "1"), `repository` (S) and `started_at` (S, ISO 8601) are the
keys of the sparse indexes `by-time` and `by-repository`, which hold keys alone.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import from_json, to_json

from monitor_service.domain.errors import BadRequestError
from monitor_service.domain.facts import FLOW, Fact, Listing, fixed_width
from monitor_service.domain.ports import FlowPage
from monitor_service.domain.recording import Recording
from penstock_shared.aws import errors

BY_TIME = "by-time"
BY_REPOSITORY = "by-repository"
_LISTED = "1"
_NOT_FACTS = frozenset({"flow_id", "part", "expires_at", "listed", "repository", "started_at"})

_Item = dict[str, dict[str, str]]


@dataclass(frozen=True)
class FactTable:
    """The flows table. `client` is a boto3 DynamoDB client."""

    client: Any
    table: str

    def record(self, flow_id: str, recording: Recording, expires_at: datetime) -> bool:
        """Keep the fact unless it, or an earlier telling of it, is kept; whether it was written.

        One call. The smaller of two texts stays, so that any order leaves the same.
        """
        fact = recording.fact
        listing = _listing_values(recording.listing) if recording.listing else {}
        values = {
            ":fact": {"S": fact.text},
            ":expires": {"N": str(int(expires_at.timestamp()))},
            **{f":{name}": value for name, value in listing.items()},
        }
        sets = ["#fact = :fact", "expires_at = if_not_exists(expires_at, :expires)"]
        sets += [f"{name} = :{name}" for name in listing]
        try:
            self.client.update_item(
                TableName=self.table,
                Key={"flow_id": {"S": flow_id}, "part": {"S": fact.part}},
                UpdateExpression=f"SET {', '.join(sets)}",
                ConditionExpression="attribute_not_exists(#fact) OR #fact > :fact",
                ExpressionAttributeNames={"#fact": fact.name},
                ExpressionAttributeValues=values,
            )
        except errors.ClientError as error:
            if not errors.was_too_late(error):
                raise
            return False
        return True

    def facts(self, flow_id: str) -> Sequence[Fact]:
        """Every fact of one flow, read consistently."""
        found: list[Fact] = []
        start: dict[str, Any] = {}
        while True:
            page = self.client.query(
                TableName=self.table,
                KeyConditionExpression="flow_id = :flow",
                ExpressionAttributeValues={":flow": {"S": flow_id}},
                ConsistentRead=True,
                **start,
            )
            found += [fact for item in page["Items"] for fact in _facts_in(item)]
            if "LastEvaluatedKey" not in page:
                return found
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def facts_of_part(self, flow_id: str, part: str) -> Sequence[Fact]:
        """The facts of one part of a flow, read consistently."""
        key = {"flow_id": {"S": flow_id}, "part": {"S": part}}
        found = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return _facts_in(found["Item"]) if "Item" in found else []

    def flow_facts(self, flow_ids: Iterable[str]) -> Mapping[str, Sequence[Fact]]:
        """What is known of each of up to 100 flows as a whole."""
        keys = [{"flow_id": {"S": flow_id}, "part": {"S": FLOW}} for flow_id in flow_ids]
        wanted: dict[str, Any] = {self.table: {"Keys": keys, "ConsistentRead": True}}
        found: dict[str, Sequence[Fact]] = {}
        while wanted:
            answer = self.client.batch_get_item(RequestItems=wanted)
            for item in answer["Responses"].get(self.table, ()):
                found[item["flow_id"]["S"]] = _facts_in(item)
            wanted = answer.get("UnprocessedKeys", {})
        return found

    def newest(self, repository: str | None, limit: int, cursor: str | None) -> FlowPage:
        """Up to `limit` flows, newest first. Raises BadRequestError for a wrong `cursor`."""
        index, name, value = (
            (BY_REPOSITORY, "repository", repository)
            if repository
            else (BY_TIME, "listed", _LISTED)
        )
        start = {"ExclusiveStartKey": _key_of(cursor, name)} if cursor else {}
        found = self.client.query(
            TableName=self.table,
            IndexName=index,
            KeyConditionExpression="#name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": {"S": value}},
            ScanIndexForward=False,
            Limit=limit,
            **start,
        )
        last = found.get("LastEvaluatedKey")
        flow_ids = [item["flow_id"]["S"] for item in found["Items"]]
        return FlowPage(flow_ids, _cursor_of(last) if last else None)


def _listing_values(listing: Listing) -> _Item:
    return {
        "listed": {"S": _LISTED},
        "repository": {"S": listing.repository},
        "started_at": {"S": fixed_width(listing.started_at)},
    }


def _facts_in(item: Mapping[str, Mapping[str, str]]) -> list[Fact]:
    part = item["part"]["S"]
    return [Fact(part, name, value["S"]) for name, value in item.items() if name not in _NOT_FACTS]


def _cursor_of(key: _Item) -> str:
    flat = {name: value["S"] for name, value in key.items()}
    return urlsafe_b64encode(to_json(flat)).decode().rstrip("=")


def _key_of(cursor: str, hash_key: str) -> _Item:
    try:
        flat = from_json(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return {
            name: {"S": str(flat[name])} for name in ("flow_id", "part", "started_at", hash_key)
        }
    except (ValueError, KeyError, TypeError) as error:
        raise BadRequestError("`cursor` must be the `next` of an earlier answer") from error
