"""Handles an SQS batch record by record: a bad one never blocks its neighbours.

Three things can become of a record. Handled: it is deleted. Refused (no retry can make it
acceptable): it is given up at once. Failed (anything else): it comes back after a pause that
doubles, and is given up after its fifth try, or when it comes again after five tries that ended
without a word. What is given up ends its flow, and goes to the dead-letter queue with the reason.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from penstock_shared.contracts.commands import COMMAND_TOPICS, ReleaseCommand, read_command
from penstock_shared.contracts.event import MAX_ROUNDS, Event, EventData, decode
from penstock_shared.contracts.model import clean
from penstock_shared.decisions import Cause, Outcome
from penstock_shared.errors import RefusedMessageError, describe
from penstock_shared.observability import Span, Telemetry

TRIES = 5
"""How often a record is tried. The pauses between take 2 + 4 + 8 + 16 seconds: a flow whose message
cannot be handled ends within about half a minute. The queue's own limit, `maxReceiveCount`, is far
above: it counts receives in which the function did not even start."""
LONGEST_PAUSE = 120
"""Seconds; the pause before a failed record is seen again doubles up to this."""
REASON_CHARACTERS = 1000

EventHandler = Callable[[Event[EventData], Cause], Outcome[Any] | None]
CommandHandler = Callable[[str, ReleaseCommand], Outcome[Any] | None]
GiveUp = Callable[[str, str], None]
"""Takes the body of a message that nobody can handle, and the reason."""


@dataclass(frozen=True)
class Received:
    """One record of a batch. `deliveries` counts how often it was received, this time included.

    Format: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """

    message_id: str
    receipt_handle: str
    body: str
    deliveries: int

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Received":
        """The record as Lambda hands it over."""
        return cls(
            record["messageId"],
            record["receiptHandle"],
            record["body"],
            int(record["attributes"]["ApproximateReceiveCount"]),
        )


@dataclass(frozen=True)
class Consumer:
    """Reads one queue. `sqs` is a boto3 client, `dead_letter_url` the queue's own DLQ.

    `handle` gets each event with its cause. `handle_command` gets what people publish by hand,
    which is no event, with the name of its topic; such topics are subscribed to without raw
    delivery, since only SNS's own envelope says which topic a message came from. `give_up` hears
    of each record that is given up before the dead-letter queue has it; a consumer that no flow
    waits for, as the monitor's, has none.
    """

    sqs: Any
    queue_url: str
    dead_letter_url: str
    telemetry: Telemetry
    handle: EventHandler
    handle_command: CommandHandler | None = None
    give_up: GiveUp | None = None

    @classmethod
    def of_queue(
        cls,
        sqs: Any,
        queue_url_prefix: str,
        queue: str,
        telemetry: Telemetry,
        handle: EventHandler,
        handle_command: CommandHandler | None = None,
        give_up: GiveUp | None = None,
    ) -> "Consumer":
        """The consumer of a queue by its short name; its DLQ is the same name with `-dlq`."""
        url = f"{queue_url_prefix}{queue}"
        return cls(sqs, url, f"{url}-dlq", telemetry, handle, handle_command, give_up)

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Handle a Lambda invocation; returns the partial batch response."""
        # Powertools' BatchProcessor does this too, and costs each cold start 100 ms of imports.
        failed = [
            record["messageId"]
            for record in event.get("Records", [])
            if not self._handles(Received.of(record))
        ]
        return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}

    def _handles(self, record: Received) -> bool:
        if record.deliveries > TRIES:
            return self._gives_up(record, f"{TRIES} tries ended without a word")
        try:
            self._dispatch(record)
        except RefusedMessageError as error:
            return self._gives_up(record, str(error))
        except Exception as error:
            self.telemetry.logger.exception("record failed", message_id=record.message_id)
            if record.deliveries == TRIES:
                return self._gives_up(record, f"{describe(error)}; tried {TRIES} times")
            self._pause(record)
            return False
        return True

    def _dispatch(self, record: Received) -> None:
        notification = _notification(record.body) if self.handle_command else None
        if self.handle_command and notification:
            topic, command = notification
            with self.telemetry.message(topic, command.flow_id) as span:
                _tell(span, self.handle_command(topic, command))
            return
        event = decode(record.body)
        if self.give_up and event.data.advances and event.hop > MAX_ROUNDS:
            raise RefusedMessageError(
                f"{event.type} is round {event.hop} of its flow, the limit is {MAX_ROUNDS}: "
                "something goes in circles"
            )
        with self.telemetry.event(event) as span:
            _tell(span, self.handle(event, Cause.of(event, span.traceparent)))

    def _gives_up(self, record: Received, reason: str) -> bool:
        """Returns whether its flow and the dead-letter queue know; otherwise the record comes back.

        The flow hears first: it waits, and hearing twice is harmless.
        """
        reason = clean(reason)[:REASON_CHARACTERS]
        self.telemetry.logger.error("record given up", message_id=record.message_id, reason=reason)
        try:
            if self.give_up:
                self.give_up(record.body, reason)
            self._dead_letter(record, reason)
        except Exception:
            self.telemetry.logger.exception("could not give up", message_id=record.message_id)
            self._pause(record)
            return False
        return True

    def _dead_letter(self, record: Received, reason: str) -> None:
        self.sqs.send_message(
            QueueUrl=self.dead_letter_url,
            MessageBody=record.body,
            MessageAttributes={"reason": {"DataType": "String", "StringValue": reason}},
        )

    def _pause(self, record: Received) -> None:
        try:
            self.sqs.change_message_visibility(
                QueueUrl=self.queue_url,
                ReceiptHandle=record.receipt_handle,
                VisibilityTimeout=min(2**record.deliveries, LONGEST_PAUSE),
            )
        except Exception:
            # The record comes back all the same, after the queue's own visibility timeout.
            self.telemetry.logger.warning("could not shorten the pause", exc_info=True)


def _tell(span: Span, outcome: Outcome[Any] | None) -> None:
    if outcome:
        span.outcome(outcome.result, outcome.reason)


def _notification(body: str) -> tuple[str, ReleaseCommand] | None:
    """The topic's name, without the stack's prefix, and the command of a hand-made message.

    Envelope: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
    """
    try:
        envelope = from_json(body)
    except ValueError:
        return None
    if not isinstance(envelope, dict) or "TopicArn" not in envelope:
        return None
    name = str(envelope["TopicArn"]).rsplit(":", 1)[-1]
    topic = next((topic for topic in COMMAND_TOPICS if name.endswith(topic)), name)
    return topic, read_command(str(envelope.get("Message", "")))
