"""Stand-ins of the forges: each makes the deliveries that its forge documents, one module each."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from penstock_shared.contracts.change import Forge

SHA, NEWER, BEFORE, BASE = "a" * 40, "d" * 40, "b" * 40, "c" * 40
OPENED, PUSHED, REOPENED = "opened", "pushed", "reopened"
READY, DRAFTED, CLOSED, MERGED = "ready", "drafted", "closed", "merged"
LABELLED, REBASED = "labelled", "rebased"
"""What happens to pull requests. A rebased one goes to another branch than before."""


@dataclass(frozen=True)
class Head:
    """The head of a pull request, and when its forge says that something happened to it."""

    sha: str = SHA
    branch: str = "feature"
    fork: str = ""
    base: str = "main"
    draft: bool = False
    at: str = "2026-01-02T03:04:05Z"
    title: str = "Sell more"


@dataclass(frozen=True)
class Message:
    """What a forge delivers: the value of its event's header, and the payload."""

    event: str
    payload: Any

    @property
    def body(self) -> bytes:
        """The payload as it is sent."""
        return json.dumps(self.payload).encode()


@dataclass(frozen=True)
class StandIn(ABC):
    """One forge, as a sender of deliveries about `repository`.

    `sends_messages`: whether deliveries about pull requests have the message of the head's commit.
    """

    forge: ClassVar[Forge]
    sends_messages: ClassVar[bool] = False
    repository: str = "acme/shop"

    @abstractmethod
    def push(self, ref: str, before: str, after: str, message: str = "Change") -> Message:
        """A push of one ref."""

    @abstractmethod
    def pull_request(self, what: str, number: int, head: Head, message: str = "Change") -> Message:
        """What happened to a pull request."""

    @abstractmethod
    def others(self) -> Sequence[Message]:
        """Deliveries of events that start nothing, for example a ping."""

    @abstractmethod
    def headers(self, secret: str, message: Message) -> dict[str, str]:
        """The headers of a delivery that is signed with this secret."""


@dataclass(frozen=True)
class Recorded:
    """What a test may hold of deliveries: headers in lower case, as the handler passes them."""

    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def sent(stand_in: StandIn, secret: str, message: Message) -> Recorded:
    """The delivery of a message."""
    headers = stand_in.headers(secret, message)
    return Recorded({name.lower(): value for name, value in headers.items()}, message.body)
