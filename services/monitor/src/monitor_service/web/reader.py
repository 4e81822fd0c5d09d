"""What the areas of the page read with."""

from collections.abc import Callable
from dataclasses import dataclass

from monitor_service.use_cases.list_flows import ListFlows
from monitor_service.use_cases.read_log import ReadLog
from monitor_service.use_cases.show_flow import ShowFlow
from penstock_shared.clock import Clock, utc_now
from penstock_shared.observability import Telemetry


@dataclass(frozen=True)
class Reader:
    """The use cases, each made when it is first needed.

    `stage` and `abort_topic` are shown to people: the stack's stage, and the topic that stops a
    flow.
    """

    list_flows: Callable[[], ListFlows]
    show_flow: Callable[[], ShowFlow]
    read_log: Callable[[], ReadLog]
    telemetry: Telemetry
    stage: str
    abort_topic: str
    clock: Clock = utc_now
