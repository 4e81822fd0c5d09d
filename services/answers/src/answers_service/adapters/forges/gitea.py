"""Gitea and Forgejo: commit statuses, and a comment on the pull request, as on GitHub.

Format: https://docs.gitea.com/api/ (`repoCreateStatus`, `issueCreateComment`, `issueEditComment`).
The token needs the scopes `write:repository` and `write:issue`.
"""

from typing import Self

from answers_service.adapters.forges.github import GitHubApi
from answers_service.adapters.http import JsonApi
from penstock_shared.contracts.answers import WriteCredential


class GiteaApi(GitHubApi):
    """The API of Gitea and of Forgejo. Its paths and bodies are those of GitHub's."""

    @classmethod
    def of(cls, credential: WriteCredential) -> Self:
        """The API as a credential has it."""
        headers = {
            "Authorization": f"token {credential.token}",
            "Accept": "application/json",
        }
        return cls(JsonApi(credential.api_url, headers))
