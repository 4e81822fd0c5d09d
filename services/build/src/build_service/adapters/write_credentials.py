"""The credentials that forges are told with, in Secrets Manager: one secret for each repository.

This service writes them and never reads them, but for changing one.
"""

from dataclasses import dataclass
from typing import Any

from penstock_shared.aws import errors
from penstock_shared.contracts.answers import WriteCredential

_MISSING = ("ResourceNotFoundException", "InvalidRequestException")
"""A secret that is not there, or that is being deleted."""


@dataclass(frozen=True)
class SecretsManagerWriteCredentials:
    """Secrets under `<prefix><id of the repository>`."""

    client: Any
    prefix: str

    def put(self, repository: str, credential: WriteCredential) -> None:
        """Write the credential of a repository."""
        document = credential.model_dump_json()
        try:
            self.client.put_secret_value(SecretId=self._name(repository), SecretString=document)
        except errors.ClientError as error:
            if error.response["Error"]["Code"] not in _MISSING:
                raise
            self.client.create_secret(
                Name=self._name(repository),
                SecretString=document,
                Description="With what a forge is told what becomes of a repository's changes.",
            )

    def delete(self, repository: str) -> None:
        """Delete the credential of a repository at once."""
        self.client.delete_secret(SecretId=self._name(repository), ForceDeleteWithoutRecovery=True)

    def _name(self, repository: str) -> str:
        return f"{self.prefix}{repository}"
