"""The output of jobs, in CloudWatch Logs: one stream an attempt."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from monitor_service.domain.errors import BadRequestError
from monitor_service.domain.ports import LogPage, PrintedLine


@dataclass(frozen=True)
class JobLogStreams:
    """One log group. `client` is a boto3 CloudWatch Logs client."""

    client: Any
    group: str

    def read(self, stream: str, after: str) -> LogPage:
        """Up to 1 MB of a stream's lines; none if there is no stream yet.

        Raises BadRequestError for an `after` that is no earlier page's `next`.
        """
        token = {"nextToken": after} if after else {}
        try:
            found = self.client.get_log_events(
                logGroupName=self.group, logStreamName=stream, startFromHead=True, **token
            )
        except self.client.exceptions.ResourceNotFoundException:
            return LogPage((), after)
        except self.client.exceptions.InvalidParameterException as error:
            raise BadRequestError("`after` must be the `next` of an earlier answer") from error
        lines = [line for event in found["events"] for line in _lines_of(event)]
        return LogPage(lines, found["nextForwardToken"])


def _lines_of(event: dict[str, Any]) -> list[PrintedLine]:
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    return [PrintedLine(at, text) for text in event["message"].removesuffix("\n").split("\n")]
