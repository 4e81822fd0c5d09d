"""The jobs queue on SQS."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from penstock_runner.domain.ports import Delivery
from penstock_shared.aws import errors

LONGEST_POLL = 20
"""The most seconds that SQS waits for a message."""
REASON_CHARACTERS = 1000
_TOO_LATE = {"InvalidParameterValue", "MessageNotInflight", "ReceiptHandleIsInvalid"}
"""SQS' error codes for a receipt whose message was deleted or received again since."""


@dataclass(frozen=True)
class SqsJobQueue:
    """The queue at `url` and its dead-letter queue. `client` is a boto3 SQS client.

    `poll` is how many seconds to wait for a message. The last poll of a killed runner continues
    without it and may receive a message. A short poll ends before the messages of killed runners
    become visible again, so it cannot receive those.
    """

    client: Any
    url: str
    dead_letter_url: str
    poll: int

    def receive(self, hidden_for: int) -> Delivery | None:
        """Wait for a message, and hide it from other receivers for this many seconds."""
        response = self.client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=1,
            WaitTimeSeconds=self.poll,
            VisibilityTimeout=hidden_for,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        for message in response.get("Messages", []):
            received = int(message["Attributes"]["ApproximateReceiveCount"])
            return Delivery(message["Body"], message["ReceiptHandle"], received)
        return None

    def delete(self, message: Delivery) -> None:
        """Delete the message; does nothing if it was received again or deleted since."""
        with _unless_too_late():
            self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message.receipt)

    def hide(self, message: Delivery, seconds: int) -> None:
        """Hide the message from all receivers for this time; 0 makes it visible at once."""
        with _unless_too_late():
            self.client.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=message.receipt, VisibilityTimeout=seconds
            )

    def refuse(self, message: Delivery, reason: str) -> None:
        """Move the message to the dead-letter queue, with the reason as an attribute."""
        attribute = {"DataType": "String", "StringValue": reason[:REASON_CHARACTERS]}
        self.client.send_message(
            QueueUrl=self.dead_letter_url,
            MessageBody=message.body,
            MessageAttributes={"reason": attribute},
        )
        self.delete(message)


@contextmanager
def _unless_too_late() -> Iterator[None]:
    try:
        yield
    except errors.ClientError as error:
        if error.response["Error"]["Code"].rpartition(".")[2] not in _TOO_LATE:
            raise
