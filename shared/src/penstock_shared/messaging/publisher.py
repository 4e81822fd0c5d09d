"""Publishes events on SNS topics and SQS queues.

The address of a topic or queue is a prefix and its short name. So a service's settings hold two
prefixes, and not an address for each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from penstock_shared.contracts.event import Event, EventData, Queue, encode
from penstock_shared.errors import PenstockError

BATCH_ENTRIES = 10
"""The most entries that SNS PublishBatch and SQS SendMessageBatch allow."""
BATCH_BYTES = 256_000
"""The most bytes of one batch. AWS allows 256 KiB for all its entries together."""


class PublishError(PenstockError):
    """Some of the events were not accepted. Publishing all of them again is harmless."""


@dataclass(frozen=True)
class AwsPublisher:
    """The publisher on SNS and SQS. `sns` and `sqs` are boto3 clients."""

    sns: Any
    sqs: Any
    topic_arn_prefix: str
    queue_url_prefix: str

    def publish(self, events: Sequence[Event[EventData]]) -> None:
        """Publish each event at its destination, in as few calls as possible.

        Raises PublishError.
        """
        ordered = sorted(events, key=lambda event: event.data.destination())
        for destination, group in groupby(ordered, key=lambda event: event.data.destination()):
            for batch in _batches([_entry(event) for event in group]):
                if isinstance(destination, Queue):
                    self._send(destination, batch)
                else:
                    self._say(destination, batch)

    def _say(self, topic: str, batch: list[dict[str, Any]]) -> None:
        arn = f"{self.topic_arn_prefix}{topic}"
        if len(batch) == 1:
            self.sns.publish(
                TopicArn=arn, Message=batch[0]["body"], MessageAttributes=batch[0]["attributes"]
            )
            return
        entries = [
            {"Id": entry["id"], "Message": entry["body"], "MessageAttributes": entry["attributes"]}
            for entry in batch
        ]
        _check(self.sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries), topic)

    def _send(self, queue: str, batch: list[dict[str, Any]]) -> None:
        url = f"{self.queue_url_prefix}{queue}"
        if len(batch) == 1:
            self.sqs.send_message(
                QueueUrl=url, MessageBody=batch[0]["body"], MessageAttributes=batch[0]["attributes"]
            )
            return
        entries = [
            {
                "Id": entry["id"],
                "MessageBody": entry["body"],
                "MessageAttributes": entry["attributes"],
            }
            for entry in batch
        ]
        _check(self.sqs.send_message_batch(QueueUrl=url, Entries=entries), queue)


def _entry(event: Event[EventData]) -> dict[str, Any]:
    attributes = {"type": event.type, **event.data.attributes()}
    return {
        "id": event.id,
        "body": encode(event),
        "attributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    }


def _batches(entries: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    weight = 0
    seen: set[str] = set()
    for entry in entries:
        if entry["id"] in seen:
            continue
        seen.add(entry["id"])
        size = len(entry["body"].encode()) + 200
        if batch and (len(batch) == BATCH_ENTRIES or weight + size > BATCH_BYTES):
            yield batch
            batch, weight = [], 0
        batch.append(entry)
        weight += size
    if batch:
        yield batch


def _check(response: dict[str, Any], channel: str) -> None:
    failed = response.get("Failed", [])
    if failed:
        first = failed[0]
        raise PublishError(
            f"{channel} refused {len(failed)} events, the first with "
            f"{first.get('Code')}: {first.get('Message', '')}"
        )
