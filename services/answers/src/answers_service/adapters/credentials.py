"""The credentials that forges are told with: one secret for each repository."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from penstock_shared.aws import errors
from penstock_shared.clock import Clock, utc_now
from penstock_shared.contracts.answers import WriteCredential
from penstock_shared.contracts.registration import repository_id
from penstock_shared.errors import ConfigurationError

KEPT = timedelta(seconds=30)
"""How long a container uses what it read: a flow's answers read it once."""
_MISSING = ("ResourceNotFoundException", "InvalidRequestException")
"""A secret that is not there, or that is being deleted."""


@dataclass(frozen=True)
class SecretsManagerCredentials:
    """Secrets under `<prefix><id of the repository>`."""

    client: Any
    prefix: str
    clock: Clock = utc_now
    _kept: dict[str, tuple[datetime, WriteCredential]] = field(default_factory=dict)

    def of(self, forge: str, repository: str) -> WriteCredential | None:
        """The credential of a repository, or None. Raises ConfigurationError for a broken one.

        That there is none is not remembered: one that is stored in the next moment counts at once.
        """
        name, now = f"{self.prefix}{repository_id(forge, repository)}", self.clock()
        known = self._kept.get(name)
        if known and now - known[0] < KEPT:
            return known[1]
        found = self._read(name)
        self._kept.pop(name, None)
        if found:
            self._kept[name] = now, found
        return found

    def _read(self, name: str) -> WriteCredential | None:
        try:
            found = self.client.get_secret_value(SecretId=name)
        except errors.ClientError as error:
            if error.response["Error"]["Code"] not in _MISSING:
                raise
            return None
        try:
            return WriteCredential.model_validate_json(found["SecretString"])
        except ValidationError as error:
            raise ConfigurationError(
                f"the secret {name} is not as Penstock wrote it; "
                "`penstock repo answers` writes it anew"
            ) from error
