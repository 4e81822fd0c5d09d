"""The record store on DynamoDB: one item for each record.

Item: `id` (S, hash key), `version` (N), `state` (S, for people who look), `doc` (S, the record as
JSON), `pending` (S, JSON list of events, absent if there are none), `document` (S, the key of the
object with the rest of the item, see `documents`), `open` (S, "1") and `deadline` (N, epoch
seconds) while the sweeper must check the record (or the name that it is listed as, and 0),
`expires_at` (N, the table's TTL attribute). The
sparse index `by-deadline` has `open` and `deadline` as its keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic_core import from_json, to_json

from penstock_shared.aws import errors
from penstock_shared.clock import Clock, utc_now
from penstock_shared.contracts.event import decode, encode
from penstock_shared.decisions import Record
from penstock_shared.errors import VersionConflictError
from penstock_shared.persistence.documents import Documents, Item, named_by
from penstock_shared.persistence.outbox import Stored
from penstock_shared.storage import ObjectStore

PENDING_PATIENCE = timedelta(seconds=60)
"""How long events may be pending before the sweeper publishes them. It is longer than any handler
runs, so that the sweeper does not race a handler that is about to publish them."""

RETENTION = timedelta(days=90)
DEADLINE_INDEX = "by-deadline"

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class DynamoRecordStore(Generic[R]):
    """Records of one type in a table, which may hold other types under other keys.

    Records expire `retention` after their last change; without a `retention` never. With `swept`
    false, published events stay in the record, and are published again when their cause is
    delivered again: that saves one write for each change.
    """

    client: Any
    table: str
    record_type: type[R]
    clock: Clock = utc_now
    retention: timedelta | None = RETENTION
    swept: bool = True
    objects: ObjectStore | None = None
    """The bucket for what is too large for an item; None if every record is small."""
    listed_as: str = ""
    """The name under which the index lists all records that are to be listed, for records without
    deadlines and events; empty if it lists only those that are due."""

    def get(self, key: str) -> Stored[R] | None:
        """The record under this key, read consistently, or None."""
        item = self._item_at(key)
        while item:
            try:
                return self._read(self._documents.move_in(item) if self._documents else item)
            except errors.ClientError:
                # A newer version may have replaced the item meanwhile, and deleted its object.
                before, item = named_by(item), self._item_at(key)
                if named_by(item) == before:
                    raise
        return None

    def put(self, key: str, stored: Stored[R]) -> None:
        """Replace the version before this one. Raises VersionConflictError."""
        item = self._item(key, stored)
        if self._documents is None:
            self._put(item, stored.version)
            return
        document = self._documents.move_out(item)
        try:
            replaced = self._put(item, stored.version, ReturnValues="ALL_OLD")
        except VersionConflictError:
            # If the answer was lost, the client repeated the write, and the repetition failed.
            if document and named_by(self._item_at(key)) == document:
                return
            self._documents.delete(document)
            raise
        self._documents.delete(named_by(replaced))

    def _put(self, item: Item, version: int, **options: str) -> Item:
        """Write the item if its version is the next; returns what `options` ask for."""
        if version == 1:
            condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(id)"}
        else:
            condition = {
                "ConditionExpression": "version = :before",
                "ExpressionAttributeValues": {":before": {"N": str(version - 1)}},
            }
        try:
            answer = self.client.put_item(TableName=self.table, Item=item, **condition, **options)
        except errors.ClientError as error:
            if not errors.was_too_late(error):
                raise
            name = item["id"]["S"]
            raise VersionConflictError(f"{name} is no longer version {version - 1}") from error
        replaced: Item = answer.get("Attributes", {})
        return replaced

    def clear(self, key: str, stored: Stored[R]) -> None:
        """Remove the pending events, unless a newer version has replaced this one."""
        if not self.swept:
            return
        deadline = stored.record.deadline
        values = {":version": {"N": str(stored.version)}}
        if deadline:
            update = "SET deadline = :deadline REMOVE pending"
            values[":deadline"] = {"N": _epoch(deadline)}
            names = {}
        else:
            update = "REMOVE pending, #open, deadline"
            names = {"ExpressionAttributeNames": {"#open": "open"}}
        try:
            self.client.update_item(
                TableName=self.table,
                Key={"id": {"S": key}},
                UpdateExpression=update,
                ConditionExpression="version = :version",
                ExpressionAttributeValues=values,
                **names,
            )
        except errors.ClientError as error:
            if not errors.was_too_late(error):
                raise

    def due(self, now: datetime) -> Sequence[str]:
        """Up to 100 keys of records that are due, longest overdue first."""
        found = self.client.query(
            TableName=self.table,
            IndexName=DEADLINE_INDEX,
            KeyConditionExpression="#open = :open AND deadline <= :now",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":open": {"S": "1"}, ":now": {"N": _epoch(now)}},
            Limit=100,
        )
        return [item["id"]["S"] for item in found["Items"]]

    def listed(self) -> Sequence[str]:
        """The keys of all records that are listed under the store's name."""
        keys: list[str] = []
        page: dict[str, Any] = {}
        while not page or "LastEvaluatedKey" in page:
            after = page.get("LastEvaluatedKey")
            page = self.client.query(
                TableName=self.table,
                IndexName=DEADLINE_INDEX,
                KeyConditionExpression="#open = :name",
                ExpressionAttributeNames={"#open": "open"},
                ExpressionAttributeValues={":name": {"S": self.listed_as}},
                **({"ExclusiveStartKey": after} if after else {}),
            )
            keys += [item["id"]["S"] for item in page["Items"]]
        return keys

    @cached_property
    def _documents(self) -> Documents | None:
        expiring = self.retention is not None
        return Documents(self.objects, self.table, expiring) if self.objects else None

    def _item_at(self, key: str) -> Item | None:
        item: Item | None = self.client.get_item(
            TableName=self.table, Key={"id": {"S": key}}, ConsistentRead=True
        ).get("Item")
        return item

    def _item(self, key: str, stored: Stored[R]) -> Item:
        item: Item = {
            "id": {"S": key},
            "version": {"N": str(stored.version)},
            "state": {"S": stored.record.state.value},
            "doc": {"S": stored.record.model_dump_json(exclude_none=True)},
        }
        if self.retention:
            item["expires_at"] = {"N": _epoch(self.clock() + self.retention)}
        if stored.pending:
            item["pending"] = {"S": to_json([encode(event) for event in stored.pending]).decode()}
        deadline = self._looked_at_by(stored)
        if deadline and self.swept:
            item |= {"open": {"S": "1"}, "deadline": {"N": _epoch(deadline)}}
        elif self.listed_as and stored.record.is_listed:
            item |= {"open": {"S": self.listed_as}, "deadline": {"N": "0"}}
        return item

    def _looked_at_by(self, stored: Stored[R]) -> datetime | None:
        if not stored.pending:
            return stored.record.deadline
        impatient = self.clock() + PENDING_PATIENCE
        return min(impatient, stored.record.deadline or impatient)

    def _read(self, item: Item) -> Stored[R]:
        pending = from_json(item["pending"]["S"]) if "pending" in item else ()
        return Stored(
            record=self.record_type.model_validate_json(item["doc"]["S"]),
            version=int(item["version"]["N"]),
            pending=tuple(decode(event) for event in pending),
        )


def _epoch(moment: datetime) -> str:
    return str(int(moment.timestamp()))
