"""One log stream in CloudWatch Logs."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from penstock_runner.adapters.capture import LogLine

# Limits: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
BATCH_BYTES = 1_048_576
BATCH_EVENTS = 10_000


@dataclass
class CloudWatchStream:
    """A stream that is created at the first write. `client` is a boto3 client."""

    client: Any
    group: str
    name: str
    _exists: bool = field(default=False)

    def put(self, lines: Sequence[LogLine]) -> None:
        """Append lines that fit into one batch. Raises what boto3 raises."""
        self._create()
        # Lines may be empty, events may not.
        events = [{"timestamp": line.at, "message": line.text or " "} for line in lines]
        self.client.put_log_events(
            logGroupName=self.group, logStreamName=self.name, logEvents=events
        )

    def _create(self) -> None:
        if self._exists:
            return
        # It exists already if only the answer of an earlier try was lost.
        with suppress(self.client.exceptions.ResourceAlreadyExistsException):
            self.client.create_log_stream(logGroupName=self.group, logStreamName=self.name)
        self._exists = True


def batches(lines: Sequence[LogLine]) -> Iterator[Sequence[LogLine]]:
    """The lines in order, in as few batches as PutLogEvents accepts."""
    begin, weight = 0, 0
    for end, line in enumerate(lines):
        if weight + line.weight > BATCH_BYTES or end - begin == BATCH_EVENTS:
            yield lines[begin:end]
            begin, weight = end, 0
        weight += line.weight
    if lines[begin:]:
        yield lines[begin:]
