"""Messages that people publish by hand: `{"flow_id": "..."}` on `abort-release` and
`promote-release`, and a description of the flow to run on `run-flow`.
"""

from typing import Any, ClassVar

from pydantic import Field, ValidationError, model_validator

from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.model import Contract, FlowId, Sha, Text
from penstock_shared.errors import RefusedMessageError

_REF = r"^(refs/(heads|tags)/[^\x00-\x20\x7f]+)?$"


class FlowCommand(Contract):
    """A request for one flow. Subclasses register themselves by their topic."""

    topic: ClassVar[str]
    wanted: ClassVar[str]
    """What a valid message looks like, for error texts."""

    flow_id: FlowId

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "topic" in cls.__dict__:
            _KNOWN[cls.topic] = cls


_KNOWN: dict[str, type[FlowCommand]] = {}


class ReleaseCommand(FlowCommand):
    """A request about a release. `reason` and `by` are shown to people."""

    wanted: ClassVar = '{"flow_id": "<20 hex digits>"} with optional "reason" and "by"'

    reason: Text = Field(default="", max_length=1000)
    by: Text = Field(default="", max_length=200)


class AbortRelease(ReleaseCommand):
    """Stop the flow, and take back what it deployed."""

    topic: ClassVar = "abort-release"


class PromoteRelease(ReleaseCommand):
    """End the bake now."""

    topic: ClassVar = "promote-release"


class RunFlow(FlowCommand):
    """Run a flow again as its next attempt, or run a commit as a new flow: of a branch, of a tag,
    or of a pull request, whose newest commit it must be.

    A protected branch runs the commit that it is at. `although_behind` asks for an older one of its
    commits, `fresh` for one that uses nothing that earlier flows have built or proved. With
    `attempt`, `flow_id` is the flow to run again. Without, `flow_id` is the id that `run_id_for`
    makes from the other fields, so that the sender knows the new flow's id at once.
    """

    topic: ClassVar = "run-flow"
    wanted: ClassVar = (
        '{"flow_id": "<20 hex digits>", "attempt": <2 or more>}, or "flow_id" with "forge", '
        '"repository", "ref", "sha" and "request", and optional "although_behind", "fresh" or '
        '"pull_request"'
    )

    attempt: int | None = Field(default=None, ge=2, le=10_000)
    forge: Forge | None = None
    repository: str = Field(default="", max_length=200)
    ref: str = Field(default="", max_length=500, pattern=_REF)
    sha: Sha | None = None
    although_behind: bool = False
    fresh: bool = False
    request: str = Field(default="", max_length=100)
    pull_request: int | None = Field(default=None, ge=1)
    by: Text = Field(default="", max_length=200)

    @model_validator(mode="after")
    def _one_wish(self) -> "RunFlow":
        run = (self.forge, self.repository, self.ref, self.sha, self.request)
        if self.attempt is None and not all(run):
            raise ValueError("it says neither which attempt nor which commit to run")
        optional = (self.although_behind, self.fresh, self.pull_request)
        if self.attempt is not None and any((*run, *optional)):
            raise ValueError("it says both which attempt and which commit to run")
        return self


def command_topics() -> tuple[str, ...]:
    """The topics that people publish on."""
    return tuple(_KNOWN)


def read_command(topic: str, text: str) -> FlowCommand:
    """Read a hand-written message.

    Raises RefusedMessageError with what was expected.
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
