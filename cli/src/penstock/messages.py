"""What people publish by hand."""

import getpass
import json


def command_message(flow_id: str, *, reason: str = "", by: str = "") -> str:
    """The message that names one flow; `reason` and `by` are for those who read it later."""
    named = {"flow_id": flow_id, "reason": reason, "by": by}
    return json.dumps({key: value for key, value in named.items() if value})


def retry_message(flow_id: str, attempt: int, *, by: str) -> str:
    """The message that has a flow run again, as that attempt."""
    return json.dumps({"flow_id": flow_id, "attempt": attempt, "by": by})


def run_message(flow_id: str, **asked: str) -> str:
    """The message that has a commit of a branch run as the flow of that id."""
    return json.dumps({"flow_id": flow_id, **asked})


def person() -> str:
    """The name of who runs this command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
