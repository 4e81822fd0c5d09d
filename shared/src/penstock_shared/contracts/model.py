"""The base of everything that crosses a boundary."""

import re
from typing import Annotated

from pydantic import AfterValidator, AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field

from penstock_shared.printable import printable


class Contract(BaseModel):
    """A frozen value that is written as JSON and read back by another service."""

    # Building validators on first use saves a cold start those of messages that do not come.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)


_NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"

FlowId = Annotated[str, Field(pattern=r"^[0-9a-f]{20}$")]
Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
ShaOrNone = Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")]
"""The id of a commit; empty for none."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=_NAME)]
Proof = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Text = Annotated[str, AfterValidator(printable)]
Moment = AwareDatetime
Seconds = Annotated[int, Field(ge=0)]
Env = Annotated[dict[str, str], Field(validation_alias=AliasChoices("env", "environment"))]
"""Variables of a command or a function. What was stored before calls them `environment`."""


def is_name(text: str) -> bool:
    """Whether a component, a gate or an environment can have this name."""
    return re.fullmatch(_NAME, text) is not None
