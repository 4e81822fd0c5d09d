"""The secrets of one repository."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from penstock_shared.contracts.registry import ReadCredential


class RepositorySecrets(BaseModel):
    """What a repository's deliveries are signed with, and its source is fetched with.

    The `previous` webhook secret is valid until `previous_until`. It may be absent.
    """

    # An error about a broken document must not quote it.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    webhook: str = Field(min_length=1, repr=False)
    previous: str = Field(default="", repr=False)
    previous_until: datetime | None = None
    credential: ReadCredential | None = Field(default=None, repr=False)

    def valid(self, now: datetime) -> tuple[str, ...]:
        """The webhook secrets that a delivery may be signed with."""
        overlaps = self.previous and self.previous_until and now < self.previous_until
        return (self.webhook, self.previous) if overlaps else (self.webhook,)

    def rotated(self, webhook: str, now: datetime, overlap: timedelta) -> "RepositorySecrets":
        """The secrets with a new one for the webhook; the one before stays valid for a while."""
        before = {"previous": self.webhook, "previous_until": now + overlap}
        return self.model_copy(update={"webhook": webhook, **before})
