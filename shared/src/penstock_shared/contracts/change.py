"""A change: one commit range on one ref."""

from enum import StrEnum

from pydantic import Field

from penstock_shared.contracts.model import Contract, Moment, Sha, ShaOrNone, Text

TAGS = "refs/tags/"


class Forge(StrEnum):
    """Where a repository is hosted. Two forges may each have a repository of the same name."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    BITBUCKET = "bitbucket"
    GIT = "git"


class Intent(StrEnum):
    """What a flow is for."""

    CHECK = "check"
    PREVIEW = "preview"
    RELEASE = "release"


class Trust(StrEnum):
    """Whose code a flow runs, from the highest trust to the lowest.

    `release` is a protected ref of a registered repository, `check` another ref or a pull request
    of the repository itself, `fork` a pull request from another repository. What a flow remembers,
    stores or queues is kept apart by its trust.
    """

    RELEASE = "release"
    CHECK = "check"
    FORK = "fork"

    def may_read(self, writer: "Trust") -> bool:
        """Whether a flow of this trust may use what a flow of trust `writer` left behind."""
        return writer in readable_by(self)


def readable_by(reader: Trust) -> tuple[Trust, ...]:
    """The trusts whose results that one may use, the highest first: its own and all above it."""
    order = tuple(Trust)
    return order[: order.index(reader) + 1]


class Base(Contract):
    """What a pull request would be merged into. The commit is empty where a forge does not say."""

    ref: str = Field(min_length=1, max_length=500, description="the full ref, refs/heads/main")
    sha: ShaOrNone = ""


class Change(Contract):
    """What was pushed, as its forge reports it.

    Of a pull request, `ref` and `sha` are its head's, and `ref` is a branch of `fork` if there is
    one.
    """

    # Documents from before there was a second forge are about GitHub.
    forge: Forge = Forge.GITHUB
    repository: str = Field(min_length=1, max_length=200, description="owner/name")
    ref: str = Field(min_length=1, max_length=500, description="the full ref, refs/heads/main")
    before: Sha
    sha: Sha
    author: Text = ""
    message: Text = ""
    clone_url: str
    delivery_id: str = ""
    pushed_at: Moment
    although_behind: bool = Field(
        default=False, description="a person asked for this commit, wherever its ref is now"
    )
    pull_request: int | None = Field(default=None, ge=1)
    answered: bool = Field(
        default=False, description="its forge is told what becomes of it: see docs/answers.md"
    )
    fork: str = Field(
        default="", max_length=200, description="the other repository that a pull request is from"
    )
    base: Base | None = None

    fresh: bool = Field(default=False, description="a person asked that nothing remembered be used")

    @property
    def branch(self) -> str:
        """The ref without `refs/heads/`."""
        return self.ref.removeprefix("refs/heads/")

    @property
    def tag(self) -> str:
        """The tag, without `refs/tags/`; empty for a branch."""
        return self.ref.removeprefix(TAGS) if self.ref.startswith(TAGS) else ""
