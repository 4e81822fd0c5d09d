"""What one flow uses of AWS: calls, invocations, log bytes, and everything else with a price.

Flows are posted one after another, and nothing polls them, so that only the flow itself is counted.
What an idle stack uses in the same time is measured first and subtracted.
"""

import json
import re
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.counting import CALLS_PATH
from bench.errors import CountingError
from bench.penstock_subject import PenstockSubject
from bench.pushes import WorkloadRepository
from penstock import embedded

FLOWS = 10
SETTLE_SECONDS = 2.0
SETTLE_TIMES_P95 = 4
LOG_GROUPS = ("/aws/lambda/penstock-", "/penstock/")
FUNCTION_LOGS = "/aws/lambda/"
REPORT = re.compile(r"REPORT .*Billed Duration: ([\d.]+) ms\s+Memory Size: (\d+) MB")


@dataclass(frozen=True)
class Usage:
    """AWS calls by `service:Operation`, other metered use by its name, and the bytes of the largest
    `item` and `message` that were written.
    """

    calls: Mapping[str, float]
    meters: Mapping[str, float]
    largest: Mapping[str, int] = field(default_factory=dict)

    def per_flow(self, idle: "Usage", flows: int) -> "Usage":
        """Subtract what an idle stack uses, and divide the rest by the number of flows."""
        return Usage(
            _shared(self.calls, idle.calls, flows), _shared(self.meters, idle.meters, flows)
        )


def _shared(total: Mapping[str, float], idle: Mapping[str, float], flows: int) -> dict[str, float]:
    shares = {name: (used - idle.get(name, 0)) / flows for name, used in total.items()}
    return {name: share for name, share in shares.items() if share > 0}


def per_flow(subject: PenstockSubject, repository: WorkloadRepository, p95: float) -> Usage:
    """Measure what a flow uses; `p95` is W1's, in milliseconds.

    Raises CountingError when the emulator does not count, and PipelineError when a flow fails.
    """
    settle = max(SETTLE_SECONDS, SETTLE_TIMES_P95 * p95 / 1000)
    meter = Meter(subject.stack)
    pushes = repository.pushes(FLOWS)
    flows: list[str] = []

    def post_all() -> None:
        for push in pushes:
            flows.append(subject.post_push(push))
            time.sleep(settle)

    idle = meter.during(lambda: time.sleep(FLOWS * settle))
    busy = meter.during(post_all)
    subject.wait_finished(flows, seconds=0)
    used = busy.per_flow(idle, FLOWS)
    return Usage(used.calls, {**used.meters, "HTTP API requests": 1})


class Meter:
    """Measures what a stack uses while something runs."""

    def __init__(self, stack: embedded.Stack) -> None:
        self._stack = stack
        self._logs = stack.client("logs")
        self._lambda = stack.client("lambda")
        self._states = stack.client("stepfunctions")

    def during(self, run: Callable[[], None]) -> Usage:
        """Run a function, and return what was used until it returned."""
        self._counter("PUT")
        begun = time.time()
        run()
        counted, ended = self._counter("DELETE"), time.time()
        transitions = self._transitions(begun, ended)
        meters = {**self._logged(begun, ended), "state transitions": transitions}
        return Usage(Counter(counted["calls"]), meters, counted["largest"])

    def _counter(self, method: str) -> dict[str, Any]:
        url = f"{self._stack.endpoint_url}{CALLS_PATH}"
        try:
            request = urllib.request.Request(url, method=method)
            with urllib.request.urlopen(request, timeout=10) as answer:
                return dict(json.load(answer))
        except (OSError, ValueError) as error:
            raise CountingError(
                f"{url} gave no counts: the emulator was started without its counter ({error})"
            ) from error

    def _logged(self, begun: float, ended: float) -> dict[str, float]:
        """Read the logs, in which functions report the duration and memory of each invocation."""
        polled, traced = self._polled_functions(), self._traced_functions()
        meters: defaultdict[str, float] = defaultdict(float)
        for group in self._groups():
            messages = list(self._messages(group, begun, ended))
            meters["log bytes"] += sum(len(message.encode()) for message in messages)
            reports = [found for message in messages if (found := REPORT.search(message))]
            function = group.removeprefix(FUNCTION_LOGS)
            meters["lambda invocations"] += len(reports)
            meters["lambda GB-seconds"] += sum(map(_gb_seconds, reports))
            # Lambda's poller makes one receive and one delete for each batch.
            meters["queue polls by Lambda"] += 2 * len(reports) * (function in polled)
            meters["traces"] += len(reports) * (function in traced)
        return meters

    def _groups(self) -> Iterator[str]:
        for prefix in LOG_GROUPS:
            pages = self._logs.get_paginator("describe_log_groups")
            for page in pages.paginate(logGroupNamePrefix=prefix):
                yield from (group["logGroupName"] for group in page["logGroups"])

    def _messages(self, group: str, begun: float, ended: float) -> Iterator[str]:
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(begun * 1000), endTime=int(ended * 1000)
        )
        for page in pages:
            yield from (event["message"] for event in page["events"])

    def _polled_functions(self) -> set[str]:
        pages = self._lambda.get_paginator("list_event_source_mappings").paginate()
        mappings = (mapping for page in pages for mapping in page["EventSourceMappings"])
        return {_function_name(mapping["FunctionArn"]) for mapping in mappings}

    def _traced_functions(self) -> set[str]:
        pages = self._lambda.get_paginator("list_functions").paginate()
        functions = (function for page in pages for function in page["Functions"])
        return {
            function["FunctionName"]
            for function in functions
            if function.get("TracingConfig", {}).get("Mode") == "Active"
        }

    def _transitions(self, begun: float, ended: float) -> int:
        machines = self._states.list_state_machines()["stateMachines"]
        return sum(
            self._entered(execution["executionArn"])
            for machine in machines
            for execution in self._states.list_executions(
                stateMachineArn=machine["stateMachineArn"]
            )["executions"]
            if begun <= execution["startDate"].timestamp() <= ended
        )

    def _entered(self, execution: str) -> int:
        history = self._states.get_execution_history(executionArn=execution)["events"]
        return sum(1 for event in history if event["type"].endswith("StateEntered"))


def _gb_seconds(report: re.Match[str]) -> float:
    return float(report[1]) / 1000 * int(report[2]) / 1024


def _function_name(arn: str) -> str:
    return arn.split(":")[6]
