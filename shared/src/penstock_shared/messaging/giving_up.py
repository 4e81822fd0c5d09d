"""Fails the flow of a message that cannot be handled."""

from collections.abc import Callable
from dataclasses import dataclass

from penstock_shared.clock import Clock, utc_now
from penstock_shared.contracts.event import decode, known_event_types, make_event, read_envelope
from penstock_shared.contracts.events import FlowFailed, FlowStopped, JobFinished, Phase
from penstock_shared.decisions import Cause
from penstock_shared.errors import RefusedMessageError
from penstock_shared.persistence.outbox import Publisher
from penstock_shared.tracing import new_traceparent


@dataclass(frozen=True)
class FailFlow:
    """Publishes `flow-failed` for the flow of a message that cannot be handled.

    Every service then frees what the flow holds. `phase` is where people see the flow fail; None
    if the service has several.
    """

    publisher: Publisher
    service: str
    phase: Phase | None = None
    clock: Clock = utc_now
    is_proven: Callable[[str], bool] = lambda _body: False
    """Whether the result of a job in a message's body has its job's proof."""

    def __call__(self, body: str, reason: str) -> None:
        """Fail the flow of the message with this body. Does nothing if no flow waits for it."""
        cause = self._stranded(body)
        if cause is None:
            return
        failed = make_event(
            FlowFailed(phase=self.phase, reason=f"{self.service} gave up: {reason}"),
            flow_id=cause.flow_id,
            source=f"penstock/{self.service}",
            time=self.clock(),
            traceparent=cause.traceparent,
            hop=cause.hop,
        )
        self.publisher.publish([failed])

    def _stranded(self, body: str) -> Cause | None:
        envelope = read_envelope(body)
        if envelope is None:
            return None
        if envelope.type == JobFinished.type and not self.is_proven(body):
            return None  # anybody may have sent it
        flow_id = _flow_behind(body, envelope.type, envelope.subject)
        if flow_id is None:
            return None
        if flow_id == envelope.subject:
            return Cause(flow_id, envelope.traceparent, envelope.hop)
        return Cause(flow_id, new_traceparent(flow_id, self.clock()))


def _flow_behind(body: str, event_type: str, subject: str) -> str | None:
    try:
        return decode(body).data.strands(subject)
    except RefusedMessageError:
        known = known_event_types().get(event_type)
        return None if known and issubclass(known, FlowStopped) else subject
