"""GitHub: commit statuses, and a comment on the pull request.

Formats: https://docs.github.com/en/rest/commits/statuses#create-a-commit-status and
https://docs.github.com/en/rest/issues/comments. A fine-grained token needs "Commit statuses" and
"Pull requests", read and write; a classic one `repo:status` and, for comments, `public_repo` or
`repo`.
"""

from dataclasses import dataclass

from answers_service.adapters.forges.threads import Thread
from answers_service.adapters.http import JsonApi
from answers_service.domain.answer import AnsweredCommit, Comment, State, Status
from penstock_shared.contracts.answers import WriteCredential

VERSION = "2022-11-28"
STATES = {
    State.PENDING: "pending",
    State.PASSED: "success",
    State.FAILED: "failure",
    State.STOPPED: "error",
}


@dataclass(frozen=True)
class GitHubApi:
    """The API of GitHub, and of GitHub Enterprise Server. Gitea's is made after it."""

    api: JsonApi

    @classmethod
    def of(cls, credential: WriteCredential) -> "GitHubApi":
        """The API as a credential has it."""
        headers = {
            "Authorization": f"Bearer {credential.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": VERSION,
        }
        return cls(JsonApi(credential.api_url, headers))

    def show_status(self, target: AnsweredCommit, status: Status, _handle: str) -> str:
        """See ForgeApi. A status of the same context replaces the one before."""
        body = {
            "state": STATES[status.state],
            "target_url": status.url,
            "description": status.text,
            "context": status.name,
        }
        self.api.call("POST", f"/repos/{target.repository}/statuses/{target.sha}", body)
        return ""

    def show_comment(self, target: AnsweredCommit, comment: Comment, handle: str, mark: str) -> str:
        """See ForgeApi. To the API a pull request is an issue too."""
        repository = f"/repos/{target.repository}"
        comments = f"{repository}/issues/{target.pull_request}/comments"
        thread = Thread(
            self.api,
            listed=f"{comments}?per_page=100",
            comments=comments,
            one=f"{repository}/issues/comments/{{}}",
            change="PATCH",
            write=lambda text: {"body": text},
            read=lambda found: str(found.get("body", "")),
        )
        return thread.show(comment.body, handle, mark)
