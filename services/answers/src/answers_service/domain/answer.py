"""What is said of a flow at its forge: states with a name, and one comment."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from penstock_shared.identifiers import digest_of

LONGEST_TEXT = 140
"""Characters of a status's text. GitHub refuses longer ones; other forges allow 255 or more."""


class State(StrEnum):
    """How a gate or a flow stands. Each forge has words of its own for these."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"
    STOPPED = "stopped"
    """It ended without a verdict: somebody stopped the flow, or a newer one overtook it."""


class Status(BaseModel):
    """How one gate, or the flow, stands. `name` is what a forge knows it by."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: State
    text: str
    url: str

    @property
    def digest(self) -> str:
        """Differs where what is told differs."""
        return digest_of(self.name, self.state, self.text, self.url)[:16]


class Comment(BaseModel):
    """The one comment on a pull request, in Markdown."""

    model_config = ConfigDict(frozen=True)

    body: str

    @property
    def digest(self) -> str:
        """Differs where what is told differs."""
        return digest_of(self.body)[:16]


class AnsweredCommit(BaseModel):
    """The commit that a flow is about, and its pull request if it is of one."""

    model_config = ConfigDict(frozen=True)

    forge: str
    repository: str
    sha: str
    ref: str
    pull_request: int | None = None

    @property
    def prefix(self) -> str:
        """The beginning of the names of its statuses.

        A commit may be checked as a branch and as a pull request would merge it. Both verdicts
        stand beside each other.
        """
        return "penstock-pr" if self.pull_request else "penstock"
