"""What a forge's webhook comes to, whichever forge it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from penstock_shared.contracts.change import Change


@dataclass(frozen=True)
class Ignored:
    """A webhook that is in order, but starts nothing."""

    reason: str


class ForgeWebhook(Protocol):
    """One forge's webhook. Headers have names in lower case; bodies are what was sent.

    `event_header` is the header that every delivery of this forge has, and no other's.
    """

    event_header: ClassVar[str]

    def verify(self, secret: str, headers: Mapping[str, str], body: bytes) -> None:
        """Raises WebhookError (401) unless the delivery was sent by who knows the secret.

        The comparison takes the same time wherever two signatures differ.
        """
        ...

    def read(
        self, headers: Mapping[str, str], body: bytes, received_at: datetime
    ) -> Change | Ignored:
        """What a verified delivery says.

        Raises WebhookError: 400 when the body is no JSON, 422 when it is JSON that is no push.
        """
        ...
