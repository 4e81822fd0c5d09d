"""Answers: what a forge is told of a flow, and the credential that it is told with.

The credential is a secret of its own, apart from the repository's other secrets: `build` writes it
when people say so, and only the service `answers` reads it.
"""

from enum import StrEnum

from pydantic import ConfigDict, Field

from penstock_shared.contracts.model import Contract, Text

LONGEST_ADDRESS = 500


class Level(StrEnum):
    """How grave a finding is."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


class Finding(Contract):
    """One place in the source that a gate complains about. `line` counts from 1; `path` is that of
    the file in the repository.
    """

    path: Text = Field(min_length=1, max_length=500)
    line: int = Field(ge=1)
    level: Level = Level.ERROR
    message: Text = Field(max_length=500)


class CoverageChange(Contract):
    """The share of lines that were run, in percent. `before` is the base's, if it is known."""

    percent: float = Field(ge=0, le=100)
    before: float | None = Field(default=None, ge=0, le=100)


class WriteCredential(Contract):
    """What a repository's forge is told with, and where: the content of one secret.

    `api_url` is the address of the forge's API, and `page_url` that of Penstock's page, which
    answers link to. Neither ends in a slash.
    """

    # Errors about it must not quote it.
    model_config = ConfigDict(hide_input_in_errors=True)

    token: str = Field(min_length=1, max_length=4_000, pattern=r"^[\x21-\x7e]+$", repr=False)
    api_url: str = Field(max_length=LONGEST_ADDRESS)
    page_url: str = Field(max_length=LONGEST_ADDRESS)


def write_credentials_prefix(stage: str) -> str:
    """The beginning of the names of these secrets. The id of the repository follows."""
    return f"penstock/{stage}/answers/"
