"""The credentials that forges are told with, in Secrets Manager: one secret for each repository.

This service writes them and never reads them, but for changing one.
"""

from dataclasses import dataclass

from build_service.adapters.secrets import SecretEach
from penstock_shared.contracts.answers import WriteCredential


@dataclass(frozen=True)
class SecretsManagerWriteCredentials(SecretEach):
    """The credentials of repositories."""

    def put(self, repository: str, credential: WriteCredential) -> None:
        """Write the credential of a repository."""
        self.write(
            repository,
            credential.model_dump_json(),
            "With what a forge is told what becomes of a repository's changes.",
        )
