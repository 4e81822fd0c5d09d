"""What people publish by hand: `{"flow_id": "..."}` on `abort-release` or `promote-release`."""

from typing import Any, ClassVar

from pydantic import Field, ValidationError

from penstock_shared.contracts.model import Contract, FlowId, Text
from penstock_shared.errors import RefusedMessageError


class Command(Contract):
    """A wish for one flow. Subclasses register themselves by the topic that they come on."""

    topic: ClassVar[str]
    wanted: ClassVar[str]
    """What a message has to look like, for people who got it wrong."""

    flow_id: FlowId

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "topic" in cls.__dict__:
            _KNOWN[cls.topic] = cls


_KNOWN: dict[str, type[Command]] = {}


class ReleaseCommand(Command):
    """What people want of a release. `reason` and `by` are for those who read about it later."""

    wanted: ClassVar = '{"flow_id": "<20 hex digits>"} with optional "reason" and "by"'

    reason: Text = Field(default="", max_length=1000)
    by: Text = Field(default="", max_length=200)


class AbortRelease(ReleaseCommand):
    """Stop the flow, and take back what it deployed."""

    topic: ClassVar = "abort-release"


class PromoteRelease(ReleaseCommand):
    """End the bake now."""

    topic: ClassVar = "promote-release"


def command_topics() -> tuple[str, ...]:
    """The topics that people publish on."""
    return tuple(_KNOWN)


def read_command(topic: str, text: str) -> Command:
    """Read a hand-written message.

    Raises RefusedMessageError, which says what was expected.
    """
    command = _KNOWN.get(topic)
    if command is None:
        raise RefusedMessageError(f"nobody takes commands on the topic {topic}")
    try:
        return command.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "message"
        raise RefusedMessageError(f"expected {command.wanted}; {field}: {first['msg']}") from error
