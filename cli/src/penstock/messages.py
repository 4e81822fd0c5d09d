"""The commands that people publish, as messages."""

import getpass
import json


def command_message(flow_id: str, *, reason: str = "", by: str = "") -> str:
    """An `abort-release` or `promote-release` message; `reason` and `by` are shown to people."""
    named = {"flow_id": flow_id, "reason": reason, "by": by}
    return json.dumps({key: value for key, value in named.items() if value})


def retry_message(flow_id: str, attempt: int, *, by: str) -> str:
    """A `run-flow` message that runs a flow again as this attempt."""
    return json.dumps({"flow_id": flow_id, "attempt": attempt, "by": by})


def run_message(flow_id: str, **asked: str | int) -> str:
    """A `run-flow` message that runs a commit as the flow of this id. What is False is left out."""
    said = {name: value for name, value in asked.items() if value is not False}
    return json.dumps({"flow_id": flow_id, **said})


def person() -> str:
    """The name of the user who runs this command; empty if the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
