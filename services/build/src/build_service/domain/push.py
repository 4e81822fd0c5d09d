"""The result of a webhook, of any forge."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from penstock_shared.contracts.change import Change


@dataclass(frozen=True)
class Ignored:
    """A valid webhook that starts nothing."""

    reason: str


class ForgeWebhook(Protocol):
    """One forge's webhook. Names of headers are in lower case; bodies are as they were sent.

    `event_header` is a header that every delivery of this forge has, and none of another.
    """

    event_header: ClassVar[str]

    def verify(self, secret: str, headers: Mapping[str, str], body: bytes) -> None:
        """Raises WebhookError (401) unless the sender of the delivery knows the secret.

        The comparison takes the same time wherever the signatures differ.
        """
        ...

    def read(
        self, headers: Mapping[str, str], body: bytes, received_at: datetime
    ) -> Change | Ignored:
        """The content of a verified delivery.

        Raises WebhookError: 400 if the body is not JSON, 422 if the JSON is not a push.
        """
        ...
