"""Secrets: how jobs name them, where they are stored, and what is stored.

A value is in Secrets Manager and, while a job that was given it runs, in memory. No event, record
or log has it: they have the secret's name.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field, field_validator

from penstock_shared.contracts.change import Forge, Trust
from penstock_shared.contracts.model import Contract

SHORTEST_SECRET = 4
"""Characters. Shorter ones cannot be masked: they are part of too many words."""
LONGEST_SECRET = 16 * 1024
"""Bytes. It becomes a variable of a process, and its mask is looked for in all output."""
MOST_SECRETS = 20
"""The most secrets of one job, each of which costs a call when the job starts."""
ANY_ENVIRONMENT = "-"
"""In the id of a secret that is bound to no environment. No environment has this name."""

_IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"

SecretName = Annotated[str, Field(pattern=_IDENTIFIER)]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
Secrets = Annotated[dict[VariableName, SecretName], Field(max_length=MOST_SECRETS)]
"""The secrets of a job: the variable that each is given in, and the secret's name."""


class StoredSecret(Contract):
    """The content of one secret in Secrets Manager.

    The trust is a tag too, for IAM. It is also here so that a runner sees it without a second call.
    """

    # Errors about it must not quote it.
    model_config = ConfigDict(hide_input_in_errors=True)

    value: str = Field(repr=False)
    trust: Trust = Trust.RELEASE

    @field_validator("trust")
    @classmethod
    def _never_a_fork_s(cls, trust: Trust) -> Trust:
        if trust is Trust.FORK:
            raise ValueError("no secret is given to forks")
        return trust

    def is_for(self, job: Trust) -> bool:
        """Whether jobs of this trust may have it: its own and higher ones, and never a fork's."""
        return self.trust.may_read(job)


@dataclass(frozen=True)
class SecretPlace:
    """Where the secrets of one repository are, in one stage. `environment` is empty for any."""

    stage: str
    forge: Forge
    repository: str
    environment: str = ""

    @property
    def full_name(self) -> str:
        """The repository with its forge."""
        return f"{self.forge}/{self.repository}"

    def id_of(self, name: str) -> str:
        """The name in Secrets Manager of the secret of that name."""
        environment = self.environment or ANY_ENVIRONMENT
        return f"{prefix_of(self.stage)}{self.full_name}/{environment}/{name}"

    def looked_in(self) -> Iterator["SecretPlace"]:
        """The places to look in for a job that works for the environment: the nearest first."""
        yield self
        if self.environment:
            yield SecretPlace(self.stage, self.forge, self.repository)


def is_secret_name(text: str) -> bool:
    """Whether a secret can have this name."""
    return re.fullmatch(_IDENTIFIER, text, re.ASCII) is not None


def prefix_of(stage: str) -> str:
    """The beginning of the ids of all secrets of a stage."""
    return f"penstock/{stage}/secrets/"
