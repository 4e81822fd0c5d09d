"""Receives the ends of flows from their topics, by a queue that is subscribed to them.

Polling the API every few milliseconds would disturb the measurement, because each poll invokes a
function in the emulator that is measured.
"""

import json
from collections.abc import Sequence
from typing import Any

from penstock import embedded

QUEUE = "penstock-bench-endings"
TOPICS = ("deploy-done", "flow-stopped")
CHECKED_TOPICS = ("tests-passed", "flow-stopped")
"""The topics with the end of a flow that only runs gates."""
MOST_SECONDS = 1
"""The length of a long poll. It is short, so that deadlines are noticed in time."""


class Endings:
    """The flows that have reached production (or their end on other `topics`), or were stopped."""

    def __init__(
        self, stack: embedded.Stack, topics: Sequence[str] = TOPICS, queue: str = QUEUE
    ) -> None:
        self._sqs = stack.client("sqs")
        self._url = self._sqs.create_queue(QueueName=queue)["QueueUrl"]
        self._heard: set[str] = set()
        self._taken: list[str] = []
        arn = f"arn:aws:sqs:{stack.region}:{stack.account_id}:{queue}"
        for topic in topics:
            stack.client("sns").subscribe(
                TopicArn=stack.topics[topic],
                Protocol="sqs",
                Endpoint=arn,
                Attributes={"RawMessageDelivery": "true"},
            )

    def has(self, flow_id: str) -> bool:
        """Whether that flow has ended."""
        return flow_id in self._heard

    def listen(self, seconds: float) -> None:
        """Receive events, and wait a while if there are none."""
        self._delete_taken()
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=min(MOST_SECONDS, max(0, round(seconds))),
        )
        for message in answer.get("Messages", []):
            self._taken.append(message["ReceiptHandle"])
            event: dict[str, Any] = json.loads(message["Body"])
            if event["data"].get("role", "production") == "production":
                self._heard.add(event["subject"])

    def _delete_taken(self) -> None:
        """Delete the messages of the last call. This is done later, when nobody waits for them."""
        entries = [
            {"Id": str(number), "ReceiptHandle": handle}
            for number, handle in enumerate(self._taken)
        ]
        if entries:
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        self._taken = []
