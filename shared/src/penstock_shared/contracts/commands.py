"""What people may publish by hand: `{"flow_id": "..."}` on `abort-release` or `promote-release`."""

from pydantic import Field, ValidationError

from penstock_shared.contracts.model import Contract, FlowId, Text
from penstock_shared.errors import RefusedMessageError

ABORT = "abort-release"
PROMOTE = "promote-release"
COMMAND_TOPICS = (ABORT, PROMOTE)


class ReleaseCommand(Contract):
    """Names one flow. `reason` and `by` are for those who read about it later."""

    flow_id: FlowId
    reason: Text = Field(default="", max_length=1000)
    by: Text = Field(default="", max_length=200)


def read_command(text: str) -> ReleaseCommand:
    """Read a hand-written message.

    Raises RefusedMessageError, which says what was expected.
    """
    try:
        return ReleaseCommand.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "message"
        raise RefusedMessageError(
            f'expected {{"flow_id": "<20 hex digits>"}} with optional "reason" and "by"; '
            f"{field}: {first['msg']}"
        ) from error
