"""Logs, metrics and traces. No other module makes them.

Each message has one line of log. The line is in CloudWatch's embedded metric format, so it holds
the message's metrics too. Traces are X-Ray segments, which are sent to the daemon's UDP address if
there is one (`AWS_XRAY_DAEMON_ADDRESS`). Messages carry the trace of their flow as a W3C
`traceparent`, since neither SNS nor SQS passes it through every hop.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from penstock_shared.contracts.event import Event, EventData
from penstock_shared.tracing import Span, child_of

NAMESPACE = "Penstock"


@dataclass
class Telemetry:
    """Logs, metrics and traces of one service, for example `Telemetry("build")`."""

    service: str

    @cached_property
    def logger(self) -> Logger:
        """A structured logger: each message is one line of JSON, in which nothing is raw."""
        return Logger(service=self.service, json_serializer=_one_line_of_json)

    @contextmanager
    def event(self, event: Event[EventData]) -> Iterator[Span]:
        """Observe the handling of an event: one line of log, one segment in the flow's trace."""
        with self.message(event.type, event.subject, event.traceparent) as span:
            yield span

    @contextmanager
    def message(self, name: str, flow_id: str, traceparent: str = "") -> Iterator[Span]:
        """Observe the handling of any other message."""
        span = Span(name, child_of(traceparent) if traceparent else "")
        started = time.time()
        try:
            yield span
        except BaseException as error:
            span.outcome("failed", f"{type(error).__name__}: {error}")
            raise
        finally:
            ended = time.time()
            self._measure(span, flow_id, (ended - started) * 1000)
            _send_segment(self.service, span, flow_id, traceparent, started, ended)

    def count(self, name: str) -> None:
        """Add one to a metric of this service."""
        with single_metric(
            name=name, unit=MetricUnit.Count, value=1, namespace=NAMESPACE
        ) as metric:
            metric.add_dimension("service", self.service)

    def _measure(self, span: Span, flow_id: str, milliseconds: float) -> None:
        with single_metric(
            name="HandlingTime",
            unit=MetricUnit.Milliseconds,
            value=round(milliseconds, 1),
            namespace=NAMESPACE,
        ) as metric:
            metric.add_dimension("service", self.service)
            metric.add_dimension("message", span.name)
            metric.add_metadata("flow_id", flow_id)
            metric.add_metadata("outcome", span.result or "handled")
            if span.reason:
                metric.add_metadata("reason", span.reason)


def _one_line_of_json(record: dict[str, Any]) -> str:
    # json escapes all that is not ASCII, so no viewer of logs acts on what a stranger wrote.
    return json.dumps(record, default=str, separators=(",", ":"))


def _send_segment(
    service: str, span: Span, flow_id: str, parent: str, started: float, ended: float
) -> None:
    # Imported only if there is a daemon: the SDK adds some 100 ms of CPU to a cold start.
    if not os.environ.get("AWS_XRAY_DAEMON_ADDRESS") or not parent:
        return
    from penstock_shared.xray import send_segment

    send_segment(service, span, flow_id, parent, started, ended)
