"""Reads the messages of a queue: events, and commands in SNS's envelopes."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from penstock_shared.clock import Clock
from penstock_shared.contracts.commands import FlowCommand, command_topics, read_command
from penstock_shared.contracts.event import MAX_ROUNDS, Event, EventData, decode
from penstock_shared.decisions import Cause
from penstock_shared.errors import RefusedMessageError
from penstock_shared.messaging.routes import Route, Routes, Together, route_of
from penstock_shared.tracing import new_traceparent


@dataclass(frozen=True)
class Received:
    """One record of a batch. `deliveries` counts its receives, this one included.

    Format: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """

    message_id: str
    receipt_handle: str
    body: str
    deliveries: int

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Received":
        """The record in the form that Lambda passes."""
        return cls(
            record["messageId"],
            record["receiptHandle"],
            record["body"],
            int(record["attributes"]["ApproximateReceiveCount"]),
        )


@dataclass(frozen=True)
class Message:
    """An event or a command, and its route. Messages of one `group` are handled together."""

    content: Event[EventData] | FlowCommand
    route: Route
    name: str
    flow_id: str
    traceparent: str
    hop: int = 0
    group: str = ""

    def cause(self, traceparent: str) -> Cause:
        """The message as the cause, in the span that handles it."""
        return Cause(self.flow_id, traceparent or self.traceparent, self.hop)

    def refuse_circles(self) -> None:
        """Raise RefusedMessageError for an event of a round beyond the limit."""
        advances = isinstance(self.content, Event) and self.content.data.advances
        if advances and self.hop > MAX_ROUNDS:
            raise RefusedMessageError(
                f"{self.name} is round {self.hop} of its flow, the limit is {MAX_ROUNDS}: "
                "something goes in circles"
            )


def read_message(body: str, routes: Routes, clock: Clock) -> Message:
    """The message in a record's body. Raises RefusedMessageError for one that has no route."""
    takes_commands = any(issubclass(kind, FlowCommand) for kind in routes)
    command = _command_in(body) if takes_commands else None
    return _wish(command, routes, clock) if command else _event(decode(body), routes)


def _event(event: Event[EventData], routes: Routes) -> Message:
    route = _routed(routes, type(event.data), event.type)
    group = ""
    if isinstance(route, Together):
        group = f"{event.type} {route.record_of(event.data)}"
    return Message(event, route, event.type, event.subject, event.traceparent, event.hop, group)


def _wish(command: FlowCommand, routes: Routes, clock: Clock) -> Message:
    route = _routed(routes, type(command), command.topic)
    traceparent = new_traceparent(command.flow_id, clock())
    return Message(command, route, command.topic, command.flow_id, traceparent)


def _routed(routes: Routes, kind: type[EventData] | type[FlowCommand], name: str) -> Route:
    route = route_of(routes, kind)
    if route is None:
        raise RefusedMessageError(f"this queue is not for {name}")
    return route


def _command_in(body: str) -> FlowCommand | None:
    """The command in a message that a person published; None if it is not one.

    Command topics are subscribed to without raw delivery, because only SNS's envelope names the
    topic of a message. Its format:
    https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
    """
    try:
        envelope = from_json(body)
    except ValueError:
        return None
    if not isinstance(envelope, dict) or "TopicArn" not in envelope:
        return None
    name = str(envelope["TopicArn"]).rsplit(":", 1)[-1]
    topic = next((topic for topic in command_topics() if name.endswith(topic)), name)
    return read_command(topic, str(envelope.get("Message", "")))
