"""Hears which flows have ended, as any subscriber may: by a queue of its own on their topics.

Asking the API every few milliseconds would measure the asking: each look is a function's invocation
in the very emulator that is measured.
"""

import json
from collections.abc import Sequence
from typing import Any

from penstock import embedded

QUEUE = "penstock-bench-endings"
TOPICS = ("deploy-done", "flow-stopped")
CHECKED_TOPICS = ("tests-passed", "flow-stopped")
"""Where a flow's end is heard of that goes no further than its gates."""
MOST_SECONDS = 1
"""A long poll's length, so that a deadline is noticed soon enough."""


class Endings:
    """The flows that were heard to reach production (by `topics` to pass), or to be stopped."""

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
        """Whether that flow's end was heard of."""
        return flow_id in self._heard

    def listen(self, seconds: float) -> None:
        """Take in what was said, waiting for it a while if there is nothing."""
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
        """Delete what the last call took: now nobody waits for what it said."""
        entries = [
            {"Id": str(number), "ReceiptHandle": handle}
            for number, handle in enumerate(self._taken)
        ]
        if entries:
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        self._taken = []
