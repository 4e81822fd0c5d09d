"""What people publish by hand."""

import getpass
import json


def command_message(flow_id: str, *, reason: str = "", by: str = "") -> str:
    """The message that names one flow; `reason` and `by` are for those who read it later."""
    named = {"flow_id": flow_id, "reason": reason, "by": by}
    return json.dumps({key: value for key, value in named.items() if value})


def person() -> str:
    """The name of who runs this command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
