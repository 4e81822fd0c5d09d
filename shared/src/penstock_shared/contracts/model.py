"""The base of everything that crosses a boundary."""

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


class Contract(BaseModel):
    """A frozen value that is written as JSON and read back by another service."""

    # Building validators on first use saves a cold start those of messages that do not come.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)


def clean(text: str) -> str:
    """The text without the control characters that SQS refuses: all but line breaks and tabs."""
    return "".join(
        character for character in text if character.isprintable() or character in "\n\t"
    )


FlowId = Annotated[str, Field(pattern=r"^[0-9a-f]{20}$")]
Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Proof = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Text = Annotated[str, AfterValidator(clean)]
Moment = AwareDatetime
Seconds = Annotated[int, Field(ge=0)]
