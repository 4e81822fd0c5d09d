"""The result of a webhook, of any forge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol


@dataclass(frozen=True)
class Ignored:
    """A valid webhook that starts nothing."""

    reason: str


@dataclass(frozen=True)
class Pushed:
    """One push to one branch, as a delivery tells it. `repository` is its full name."""

    repository: str
    ref: str
    before: str
    sha: str
    author: str
    message: str
    delivery_id: str


class ForgeWebhook(Protocol):
    """One forge's webhook. Names of headers are in lower case; bodies are as they were sent.

    `event_header` is a header that every delivery of this forge has, and none of another.
    """

    event_header: ClassVar[str]

    def verify(self, secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> None:
        """Raises WebhookError (401) unless the sender of the delivery knows one of the secrets.

        The comparison takes the same time wherever the signatures differ.
        """
        ...

    def read(self, headers: Mapping[str, str], body: bytes) -> Pushed | Ignored:
        """The content of a verified delivery.

        Raises WebhookError: 400 if the body is not JSON, 422 if the JSON is not a push.
        """
        ...
