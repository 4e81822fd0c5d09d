"""The secrets of repositories in Secrets Manager: one secret for each, a JSON document."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from build_service.domain.secrets import RepositorySecrets
from penstock_shared.aws import errors
from penstock_shared.errors import ConfigurationError

_MISSING = ("ResourceNotFoundException", "InvalidRequestException")
"""A secret that is not there, or that is being deleted."""


@dataclass(frozen=True)
class SecretsManagerSecrets:
    """Secrets under `<prefix><id of the repository>`."""

    client: Any
    prefix: str

    def get(self, repository: str) -> RepositorySecrets | None:
        """The secrets of a repository, or None. Raises ConfigurationError for a broken document."""
        try:
            found = self.client.get_secret_value(SecretId=self._name(repository))
        except errors.ClientError as error:
            if error.response["Error"]["Code"] not in _MISSING:
                raise
            return None
        try:
            return RepositorySecrets.model_validate_json(found["SecretString"])
        except ValidationError as error:
            raise ConfigurationError(
                f"the secret {self._name(repository)} is not as Penstock wrote it; "
                "`penstock repo rotate-secret` writes it anew"
            ) from error

    def put(self, repository: str, secrets: RepositorySecrets) -> None:
        """Write the secrets of a repository."""
        document = secrets.model_dump_json(exclude_none=True)
        try:
            self.client.put_secret_value(SecretId=self._name(repository), SecretString=document)
        except errors.ClientError as error:
            if error.response["Error"]["Code"] not in _MISSING:
                raise
            self.client.create_secret(
                Name=self._name(repository),
                SecretString=document,
                Description="Secrets of a repository that flows through Penstock.",
            )

    def delete(self, repository: str) -> None:
        """Delete the secrets of a repository at once, so that it can be registered again."""
        self.client.delete_secret(SecretId=self._name(repository), ForceDeleteWithoutRecovery=True)

    def _name(self, repository: str) -> str:
        return f"{self.prefix}{repository}"
