"""The jobs queue on SQS."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from penstock_runner.domain.ports import Message
from penstock_shared.aws import errors

LONGEST_POLL = 20
"""Seconds; the longest that SQS waits for a message."""
REASON_CHARACTERS = 1000
_TOO_LATE = {"InvalidParameterValue", "MessageNotInflight", "ReceiptHandleIsInvalid"}
"""What SQS says of a receipt when the message has been deleted, or received by another, since."""


@dataclass(frozen=True)
class SqsJobQueue:
    """The queue at `url` and its dead-letter queue. `client` is a boto3 SQS client.

    `poll` is how many seconds to wait for a message. The last poll of a killed runner may go on
    without it and be given a message: polls that are over before the messages of the dead become
    visible again cannot be given those.
    """

    client: Any
    url: str
    dead_letter_url: str
    poll: int

    def receive(self, hidden_for: int) -> Message | None:
        """Wait for a message, and have it hidden from others for so many seconds."""
        response = self.client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=1,
            WaitTimeSeconds=self.poll,
            VisibilityTimeout=hidden_for,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        for message in response.get("Messages", []):
            received = int(message["Attributes"]["ApproximateReceiveCount"])
            return Message(message["Body"], message["ReceiptHandle"], received)
        return None

    def delete(self, message: Message) -> None:
        """Take the message off the queue for good; it may be somebody else's, or gone, by now."""
        with _unless_too_late():
            self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message.receipt)

    def hide(self, message: Message, seconds: int) -> None:
        """Let nobody receive the message for so long from now on; 0 shows it at once."""
        with _unless_too_late():
            self.client.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=message.receipt, VisibilityTimeout=seconds
            )

    def refuse(self, message: Message, reason: str) -> None:
        """Move the message to the dead-letter queue, with the reason as its attribute."""
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
