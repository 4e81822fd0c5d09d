"""What a delivery of a webhook says, whichever forge sends it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol

from penstock_shared.contracts.change import Base


@dataclass(frozen=True)
class Ignored:
    """A valid delivery, or a part of one, that starts nothing."""

    reason: str


@dataclass(frozen=True)
class Pushed:
    """One push to one branch or tag. `repository` is its full name, `ref` the full ref.

    `sha` is a commit, also for a tag that is an object of its own.
    """

    repository: str
    ref: str
    before: str
    sha: str
    author: str
    message: str
    delivery_id: str


class PullRequestNews(StrEnum):
    """How a pull request stands."""

    READY = "ready"
    DRAFT = "draft"
    MERGED = "merged"
    CLOSED = "closed"

    @property
    def is_over(self) -> bool:
        """Whether nothing of the pull request is left to check."""
        return self in {PullRequestNews.MERGED, PullRequestNews.CLOSED}


@dataclass(frozen=True)
class PullRequested:
    """A pull request, or merge request, as a delivery tells it.

    `ref` and `sha` are its head's; `fork` is the full name of the repository that the head is in,
    empty if that is `repository` itself. `message` is the message of the head's commit, empty if
    the forge does not send it. `by` caused the delivery. Deliveries arrive in any order: `moment`
    is the forge's time of what they tell.
    """

    repository: str
    number: int
    news: PullRequestNews
    ref: str
    sha: str
    base: Base
    fork: str
    title: str
    author: str
    message: str
    by: str
    moment: datetime
    delivery_id: str


Said = Pushed | PullRequested | Ignored


@dataclass(frozen=True)
class MergeRefs:
    """Where a forge keeps the merge commits of its pull requests.

    `pattern` has a place for the `{number}`; it is empty if there are none. If the forge makes them
    `always`, one that is missing is late, or cannot be made because of a conflict.
    """

    pattern: str = ""
    always: bool = False


class ForgeWebhook(Protocol):
    """One forge's webhook. Names of headers are in lower case; bodies are as they were sent.

    `event_header` is a header that every delivery of this forge has, and none of another.
    """

    event_header: ClassVar[str]
    merges: ClassVar[MergeRefs]

    def verify(
        self, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime
    ) -> None:
        """Raises WebhookError (401) unless the sender of the delivery knows one of the secrets.

        The comparison takes the same time wherever the signatures differ.
        """
        ...

    def read(self, headers: Mapping[str, str], body: bytes) -> Sequence[Said]:
        """The content of a verified delivery: at least one thing that it says.

        Raises WebhookError: 400 if the body is not JSON, 422 if the JSON is not what its event's
        header says.
        """
        ...
