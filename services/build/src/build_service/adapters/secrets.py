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
class SecretEach:
    """Secrets under `<prefix><id of the repository>`, each a document."""

    client: Any
    prefix: str

    def delete(self, repository: str) -> None:
        """Delete the secret of a repository at once, so that there can be another."""
        self.client.delete_secret(
            SecretId=self.name_of(repository), ForceDeleteWithoutRecovery=True
        )

    def write(self, repository: str, document: str, description: str) -> None:
        """Write the secret of a repository; a new one gets this description."""
        name = self.name_of(repository)
        try:
            self.client.put_secret_value(SecretId=name, SecretString=document)
        except errors.ClientError as error:
            if error.response["Error"]["Code"] not in _MISSING:
                raise
            self.client.create_secret(Name=name, SecretString=document, Description=description)

    def name_of(self, repository: str) -> str:
        """The name of the secret of a repository."""
        return f"{self.prefix}{repository}"


@dataclass(frozen=True)
class SecretsManagerSecrets(SecretEach):
    """The secrets of repositories."""

    def get(self, repository: str) -> RepositorySecrets | None:
        """The secrets of a repository, or None. Raises ConfigurationError for a broken document."""
        try:
            found = self.client.get_secret_value(SecretId=self.name_of(repository))
        except errors.ClientError as error:
            if error.response["Error"]["Code"] not in _MISSING:
                raise
            return None
        try:
            return RepositorySecrets.model_validate_json(found["SecretString"])
        except ValidationError as error:
            raise ConfigurationError(
                f"the secret {self.name_of(repository)} is not as Penstock wrote it; "
                "`penstock repo rotate-secret` writes it anew"
            ) from error

    def put(self, repository: str, secrets: RepositorySecrets) -> None:
        """Write the secrets of a repository."""
        document = secrets.model_dump_json(exclude_none=True)
        self.write(repository, document, "Secrets of a repository that flows through Penstock.")
