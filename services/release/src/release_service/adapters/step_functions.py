"""Bakes as Step Functions executions, which wait until a stored moment and end the bake."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

RESTARTS = 20
"""How often the wait of one bake may be restarted. Only the embedded stack loses waits."""
_LIVE = {"RUNNING", "SUCCEEDED"}


@dataclass(frozen=True)
class StepFunctionsBakes:
    """Bakes as executions of one state machine. `client` is a boto3 client."""

    client: Any
    state_machine_arn: str

    def ensure(self, flow_id: str, deadline: datetime) -> None:
        """Start the wait, unless it has started or is over.

        Starting is idempotent, because the name of an execution cannot be used again. A failed
        execution is followed by another one with a number after its name.
        """
        for number in range(1, RESTARTS + 1):
            name = flow_id if number == 1 else f"{flow_id}-{number}"
            if self._start(name, flow_id, deadline) or self._lives(name):
                return

    def _start(self, name: str, flow_id: str, deadline: datetime) -> bool:
        moment = deadline.astimezone(UTC).isoformat(timespec="milliseconds")
        try:
            self.client.start_execution(
                stateMachineArn=self.state_machine_arn,
                name=name,
                input=json.dumps({"flow_id": flow_id, "deadline": moment.replace("+00:00", "Z")}),
            )
        except self.client.exceptions.ExecutionAlreadyExists:
            return False
        return True

    def _lives(self, name: str) -> bool:
        arn = self.state_machine_arn.replace(":stateMachine:", ":execution:") + f":{name}"
        status = self.client.describe_execution(executionArn=arn)["status"]
        return status in _LIVE
