"""When a message that could not be told comes back, and what becomes of it in the end."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from answers_service.domain.errors import NotToldError, TellLaterError
from answers_service.handlers.worker import PATIENCE
from penstock_shared.contracts.event import encode
from penstock_shared.contracts.events import BuildRequested
from penstock_shared.messaging.consumer import LONGEST_HIDDEN, Consumer
from penstock_shared.observability import Telemetry
from tests.support.builders import an_event
from tests.unit.answers_service.world import requested


@dataclass
class FakeAnswersQueue:
    """The calls of an SQS client that a consumer makes."""

    hidden: list[int] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)

    def change_message_visibility(self, *, VisibilityTimeout: int, **_: Any) -> None:  # noqa: N803
        self.hidden.append(VisibilityTimeout)

    def send_message(self, *, MessageAttributes: Any, **_: Any) -> None:  # noqa: N803
        self.dead.append(MessageAttributes["reason"]["StringValue"])


def after(error: Exception, delivery: int) -> FakeAnswersQueue:
    """The queue after a delivery of a message that ends in this error."""
    queue = FakeAnswersQueue()

    def tell(_event: object, _cause: object) -> None:
        raise error

    consumer = Consumer(
        queue, "q", "q-dlq", Telemetry("answers"), {BuildRequested: lambda: tell}, None, PATIENCE
    )
    record = {
        "messageId": "m",
        "receiptHandle": "r",
        "body": encode(an_event(requested())),
        "attributes": {"ApproximateReceiveCount": str(delivery)},
    }
    consumer({"Records": [record]}, None)
    return queue


def test_a_message_is_hidden_for_as_long_as_the_forge_asks() -> None:
    assert after(TellLaterError("limited", 1234.5), 1).hidden == [1235]


def test_no_message_is_hidden_for_longer_than_a_queue_can() -> None:
    assert after(TellLaterError("limited", 1e9), 1).hidden == [LONGEST_HIDDEN.total_seconds()]


@pytest.mark.parametrize(("delivery", "pause"), [(1, 2), (5, 32), (11, 1800), (15, 1800)])
def test_a_forge_that_is_down_is_tried_at_longer_and_longer_intervals(
    delivery: int, pause: int
) -> None:
    assert after(TellLaterError("down"), delivery).hidden == [pause]


def test_an_outage_of_three_hours_is_survived() -> None:
    pauses = [PATIENCE.pause(delivery) for delivery in range(1, PATIENCE.tries)]

    assert sum(pauses) >= 3 * 3600


def test_what_cannot_be_told_for_hours_is_a_dead_letter_with_its_reason() -> None:
    queue = after(TellLaterError("down"), PATIENCE.tries)

    assert queue.dead == [f"down; tried {PATIENCE.tries} times"]


def test_what_a_forge_refuses_is_a_dead_letter_at_once() -> None:
    assert after(NotToldError("the token may not", 403), 1).dead == ["the token may not"]
