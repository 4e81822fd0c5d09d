"""The trace of a flow, which its messages carry, and the span of each message."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from penstock_shared.identifiers import digest_of


def new_traceparent(flow_id: str, started_at: datetime) -> str:
    """A new trace. X-Ray requires epoch seconds in the first eight digits of a trace id."""
    trace = f"{int(started_at.timestamp()):08x}{digest_of('trace', flow_id)[:24]}"
    return f"00-{trace}-{digest_of('span', flow_id)[:16]}-01"


def child_of(traceparent: str) -> str:
    """A new span in the same trace."""
    version, trace, _parent, flags = traceparent.split("-")
    return f"{version}-{trace}-{uuid4().hex[:16]}-{flags}"


@dataclass
class Span:
    """The handling of one message."""

    name: str
    traceparent: str
    result: str = ""
    reason: str = ""

    def outcome(self, result: str, reason: str | None = None) -> None:
        """Record the outcome of the handling."""
        self.result = str(result)
        self.reason = reason or ""
