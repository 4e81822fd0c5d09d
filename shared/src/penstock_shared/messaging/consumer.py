"""Handles an SQS batch record by record: a bad record never blocks the others.

A record has one of three results. A handled record is deleted. A refused record, which no retry can
make acceptable, is given up at once. A failed record comes back after a pause, which doubles. It is
given up after its fifth try, or when it comes a sixth time because its tries crashed. Giving up a
record fails its flow, and puts it on the dead-letter queue with the reason.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from penstock_shared.clock import Clock, utc_now
from penstock_shared.errors import ComeBackError, RefusedMessageError, describe
from penstock_shared.messaging.message import Message, Received, read_message
from penstock_shared.messaging.routes import Routes, Together
from penstock_shared.observability import Telemetry
from penstock_shared.printable import printable

TRIES = 5
"""How often a record is tried. The pauses in between are 2, 4, 8 and 16 seconds, so a flow whose
message cannot be handled ends within about half a minute. The queue's own limit `maxReceiveCount`
is far higher, because it also counts receives in which the function did not start."""
LONGEST_PAUSE = timedelta(seconds=120)
"""The pause before a failed record comes back doubles up to this."""
LONGEST_HIDDEN = timedelta(hours=11)
"""SQS hides a message for twelve hours at most."""
REASON_CHARACTERS = 1000


@dataclass(frozen=True)
class Patience:
    """How often a record is tried, and the longest pause in between."""

    tries: int = TRIES
    longest_pause: timedelta = LONGEST_PAUSE

    def pause(self, deliveries: int, asked: float | None = None) -> int:
        """Seconds until a record comes back that was delivered so often, or as long as was asked
        for.
        """
        if asked is None:
            return min(1 << deliveries, int(self.longest_pause.total_seconds()))
        return min(math.ceil(asked), int(LONGEST_HIDDEN.total_seconds()))


GiveUp = Callable[[str, str], None]
"""Called with the body of a message that cannot be handled, and the reason."""


@dataclass(frozen=True)
class Consumer:
    """Reads one queue. `sqs` is a boto3 client, `dead_letter_url` the queue's own DLQ.

    `routes` map each type of message to its use case. `give_up` is called for each record that is
    given up, before the record goes to the dead-letter queue. A consumer that no flow waits for, as
    the monitor's, has none.
    """

    sqs: Any
    queue_url: str
    dead_letter_url: str
    telemetry: Telemetry
    routes: Routes
    give_up: GiveUp | None = None
    patience: Patience = Patience()
    clock: Clock = utc_now

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Handle an invocation by Lambda; returns the partial batch response."""
        # Powertools' BatchProcessor would add 100 ms of imports to each cold start.
        records = [Received.of(record) for record in event.get("Records", [])]
        failed = self._failed(records)
        return {"batchItemFailures": [{"itemIdentifier": record.message_id} for record in failed]}

    def _failed(self, records: Sequence[Received]) -> Iterator[Received]:
        groups: dict[str, list[tuple[Received, Message]]] = {}
        for record in records:
            try:
                message = self._read(record)
            except RefusedMessageError as error:
                if not self._gives_up(record, str(error)):
                    yield record
            else:
                groups.setdefault(message.group or record.message_id, []).append((record, message))
        for group in groups.values():
            yield from self._handled(group)

    def _read(self, record: Received) -> Message:
        if record.deliveries > self.patience.tries:
            raise RefusedMessageError(f"{self.patience.tries} tries ended without a word")
        message = read_message(record.body, self.routes, self.clock)
        if self.give_up:
            message.refuse_circles()
        return message

    def _handled(self, group: list[tuple[Received, Message]]) -> Iterator[Received]:
        """Handle messages together, or one by one if that fails. Yields those that come back."""
        try:
            self._dispatch([message for _, message in group])
        except Exception as error:
            if len(group) > 1:
                self.telemetry.logger.warning("handled one by one", exc_info=True)
                for one in group:
                    yield from self._handled([one])
            elif not self._is_over(group[0][0], error):
                yield group[0][0]

    def _dispatch(self, messages: Sequence[Message]) -> None:
        first = messages[0]
        with ExitStack() as spans:
            observed = [
                spans.enter_context(
                    self.telemetry.message(message.name, message.flow_id, message.traceparent)
                )
                for message in messages
            ]
            cause = first.cause(observed[0].traceparent)
            if isinstance(first.route, Together):
                outcome = first.route.use_case()([message.content for message in messages], cause)
            else:
                outcome = first.route()(first.content, cause)
            if outcome:
                for span in observed:
                    span.outcome(outcome.result, outcome.reason)

    def _is_over(self, record: Received, error: Exception) -> bool:
        """Whether the record, which failed like this, is given up; otherwise it comes back."""
        if isinstance(error, RefusedMessageError):
            return self._gives_up(record, str(error))
        if isinstance(error, ComeBackError):
            reason, asked = str(error), error.seconds
            self.telemetry.logger.info("comes back", message_id=record.message_id, reason=reason)
        else:
            reason, asked = describe(error), None
            self.telemetry.logger.error(
                "record failed", message_id=record.message_id, exc_info=error
            )
        if record.deliveries >= self.patience.tries:
            return self._gives_up(record, f"{reason}; tried {self.patience.tries} times")
        self._pause(record, asked)
        return False

    def _gives_up(self, record: Received, reason: str) -> bool:
        """Fail the flow, then send the record to the dead-letter queue; False if either failed.

        The flow comes first: it waits, and failing it twice is harmless.
        """
        reason = printable(reason)[:REASON_CHARACTERS]
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

    def _pause(self, record: Received, asked: float | None = None) -> None:
        try:
            self.sqs.change_message_visibility(
                QueueUrl=self.queue_url,
                ReceiptHandle=record.receipt_handle,
                VisibilityTimeout=self.patience.pause(record.deliveries, asked),
            )
        except Exception:
            # The record comes back anyway, after the queue's own visibility timeout.
            self.telemetry.logger.warning("could not shorten the pause", exc_info=True)
