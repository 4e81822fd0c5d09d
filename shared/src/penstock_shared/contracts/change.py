"""A change: one commit range on one ref."""

from enum import StrEnum

from pydantic import Field

from penstock_shared.contracts.model import Contract, Moment, Sha, Text


class Intent(StrEnum):
    """What a flow is for."""

    CHECK = "check"
    PREVIEW = "preview"
    RELEASE = "release"


class Change(Contract):
    """What was pushed, as the provider told it."""

    repository: str = Field(min_length=1, max_length=200, description="owner/name")
    ref: str = Field(min_length=1, max_length=500, description="the full ref, refs/heads/main")
    before: Sha
    sha: Sha
    author: Text = ""
    message: Text = ""
    clone_url: str
    delivery_id: str = ""
    pushed_at: Moment

    @property
    def branch(self) -> str:
        """The ref without `refs/heads/`."""
        return self.ref.removeprefix("refs/heads/")
