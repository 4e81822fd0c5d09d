"""W4, a big flow: 500 components and 1,500 gates that do nothing, through a stack with two runners.

Then one component is changed. Then all are changed, and that flow is aborted in the middle.
"""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.endings import CHECKED_TOPICS, Endings
from bench.errors import PipelineError
from bench.memory import PeakMemory
from bench.penstock_subject import PenstockSubject
from bench.pushes import Push, WorkloadRepository
from bench.usage import Meter
from penstock import embedded

COMPONENTS = 500
GATES = ("format", "lint", "unit")
JOBS = COMPONENTS * len(GATES)
SECONDS = 600.0
EVERYTHING, ONE_CHANGED, ALL_CHANGED = range(3)
"""The commits, by number."""
RUN_BEFORE_ABORT = 100
POLL_SECONDS = 0.1


class BigRepository(WorkloadRepository):
    """A repository of many small components, each with a few gates."""

    def files(self, number: int) -> Mapping[str, str]:
        """The files that the commit of that number writes: text by path."""
        if number == ONE_CHANGED:
            return {"c/000/change.txt": f"{number}"}
        changed = {f"c/{component:03d}/change.txt": f"{number}" for component in range(COMPONENTS)}
        return changed | ({"penstock.yml": _configuration()} if number == EVERYTHING else {})


def _configuration() -> str:
    components = "".join(
        f"  c-{number:03d}: {{path: c/{number:03d}}}\n" for number in range(COMPONENTS)
    )
    gates = "".join(f'  {name}: {{run: "true"}}\n' for name in GATES)
    return f"version: 1\ncomponents:\n{components}gates:\n{gates}"


@dataclass(frozen=True)
class BigFlow:
    """The results of W4. Sizes are in bytes; `calls` are counted until the first verdict."""

    seconds: float
    calls: Mapping[str, float]
    largest_item: int
    largest_message: int
    memory: int
    changed_seconds: float
    abort_seconds: float

    def calls_of_a_job(self) -> dict[str, float]:
        """AWS calls for each of the 1,500 jobs, including those of the runners."""
        return {name: count / JOBS for name, count in self.calls.items()}


def big_flow(subject: PenstockSubject) -> BigFlow:
    """Run W4 on a running stack. Raises PipelineError when a flow ends as it should not."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        first, one, all_of_them = BigRepository(Path(folder) / "big.git").pushes(3)
        work = _Work(subject)
        times: list[float] = []
        with PeakMemory(subject.server_pids) as memory:
            used = Meter(subject.stack).during(lambda: times.append(work.seconds_to_pass(first)))
        return BigFlow(
            seconds=times[0],
            calls=used.calls,
            largest_item=max(used.largest["item"], largest_stored(subject.stack)),
            largest_message=used.largest["message"],
            memory=memory.bytes,
            changed_seconds=work.seconds_to_pass(one),
            abort_seconds=work.seconds_to_abort(all_of_them),
        )


class _Work:
    """Pushes to a stack, and waits for the results."""

    def __init__(self, subject: PenstockSubject) -> None:
        self._subject = subject
        self._stack = subject.stack
        self._sqs = self._stack.client("sqs")
        self._ends = Endings(self._stack, CHECKED_TOPICS, "penstock-bench-verdicts")

    def seconds_to_pass(self, push: Push) -> float:
        """Seconds from the push to its verdict."""
        begun = time.perf_counter()
        flow_id = self._subject.post_push(push)
        self._wait_for(lambda: self._has_ended(flow_id), f"flow {flow_id} has not ended")
        seconds = time.perf_counter() - begun
        self._wait_for(lambda: self._is(flow_id, "succeeded"), f"{flow_id} has not succeeded")
        return seconds

    def seconds_to_abort(self, push: Push) -> float:
        """Seconds from an abort in the middle until no job of the flow waits."""
        flow_id = self._subject.post_push(push)
        self._wait_for(lambda: self._passed(flow_id) >= RUN_BEFORE_ABORT, "no jobs have run")
        begun = time.perf_counter()
        message = json.dumps({"flow_id": flow_id, "reason": "bench"})
        self._stack.client("sns").publish(
            TopicArn=self._stack.topics["abort-release"], Message=message
        )
        self._wait_for(lambda: self._waiting() == 0, "jobs of an aborted flow still wait")
        seconds = time.perf_counter() - begun
        self._wait_for(lambda: self._has_ended(flow_id), f"nobody heard that {flow_id} was aborted")
        self._wait_for(lambda: self._is(flow_id, "aborted"), f"{flow_id} is not shown as aborted")
        return seconds

    def _is(self, flow_id: str, wanted: str) -> bool:
        """Whether the API has the flow in this state. Raises PipelineError for another end."""
        state = self._subject.state_of(flow_id)
        if state not in ("", "running", wanted):
            raise PipelineError(f"penstock: {flow_id} is {state}, not {wanted}")
        return state == wanted

    def _has_ended(self, flow_id: str) -> bool:
        if not self._ends.has(flow_id):
            self._ends.listen(seconds=1)
        return self._ends.has(flow_id)

    def _passed(self, flow_id: str) -> int:
        """How many gates have passed, from the record of the test run."""
        item = (
            self._stack.client("dynamodb")
            .get_item(TableName=self._stack.tables["test-runs"], Key={"id": {"S": flow_id}})
            .get("Item")
        )
        return int(json.loads(item["doc"]["S"])["passed"]["bits"], 16).bit_count() if item else 0

    def _waiting(self) -> int:
        """How many jobs are in the queue, including those that a runner holds."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(
            QueueUrl=self._stack.queues["jobs-release"], AttributeNames=names
        )["Attributes"]
        return sum(int(found[name]) for name in names)

    @staticmethod
    def _wait_for(condition: Callable[[], bool], complaint: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise PipelineError(f"penstock: {complaint} after {SECONDS} s")
            time.sleep(POLL_SECONDS)


def largest_stored(stack: embedded.Stack) -> int:
    """Bytes of the largest item in any of the stack's tables, as JSON."""
    pages = stack.client("dynamodb").get_paginator("scan")
    sizes = [
        _weight(item)
        for table in stack.tables.values()
        for page in pages.paginate(TableName=table)
        for item in page["Items"]
    ]
    return max(sizes, default=0)


def _weight(item: dict[str, Any]) -> int:
    return len(json.dumps(item, ensure_ascii=False, default=str).encode())
