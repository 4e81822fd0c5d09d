"""The base of everything that crosses a boundary."""

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


class Contract(BaseModel):
    """A frozen value that is written as JSON and read back by another service."""

    # Validators are built on first use: a handler pays for the messages it sees, not for all.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)


def _without_control_characters(text: str) -> str:
    return "".join(
        character for character in text if character.isprintable() or character in "\n\t"
    )


FlowId = Annotated[str, Field(pattern=r"^[0-9a-f]{20}$")]
Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Text = Annotated[str, AfterValidator(_without_control_characters)]
Moment = AwareDatetime
