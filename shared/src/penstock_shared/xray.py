"""X-Ray segments. The SDK is in maintenance mode; only this module knows it."""

from aws_xray_sdk.core.emitters.udp_emitter import UDPEmitter
from aws_xray_sdk.core.models.segment import Segment

from penstock_shared.tracing import Span

_emitter = UDPEmitter()


def send_segment(
    service: str, span: Span, flow_id: str, parent: str, started: float, ended: float
) -> None:
    """Send the segment of one handled message into the flow's trace.

    `parent` is the traceparent of the message; times are epoch seconds. X-Ray writes a trace id as
    1-<8 digits>-<24 digits>.
    """
    _version, trace, parent_id, _flags = parent.split("-")
    segment = Segment(
        f"penstock-{service}", traceid=f"1-{trace[:8]}-{trace[8:]}", parent_id=parent_id
    )
    segment.id = span.traceparent.split("-")[2]
    segment.start_time = started
    segment.put_annotation("flow_id", flow_id)
    segment.put_annotation("message", span.name)
    segment.put_annotation("outcome", span.result or "handled")
    if span.result == "failed":
        segment.add_fault_flag()
    segment.close(end_time=ended)
    _emitter.send_entity(segment)
