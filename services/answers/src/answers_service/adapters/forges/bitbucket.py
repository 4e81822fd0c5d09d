"""Bitbucket Cloud: build statuses, and a comment on the pull request.

Formats: https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commit-statuses/ and
https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/ (comments). A
repository access token needs the permissions "Repositories: write" and "Pull requests: write".
"""

from dataclasses import dataclass

from answers_service.adapters.forges.threads import Thread
from answers_service.adapters.http import JsonApi
from answers_service.domain.answer import AnsweredCommit, Comment, State, Status
from penstock_shared.contracts.answers import WriteCredential
from penstock_shared.identifiers import digest_of

LONGEST_KEY = 40
STATES = {
    State.PENDING: "INPROGRESS",
    State.PASSED: "SUCCESSFUL",
    State.FAILED: "FAILED",
    State.STOPPED: "STOPPED",
}


@dataclass(frozen=True)
class BitbucketApi:
    """The API of Bitbucket Cloud."""

    api: JsonApi

    @classmethod
    def of(cls, credential: WriteCredential) -> "BitbucketApi":
        """The API as a credential has it."""
        headers = {
            "Authorization": f"Bearer {credential.token}",
            "Accept": "application/json",
        }
        return cls(JsonApi(credential.api_url, headers))

    def show_status(self, target: AnsweredCommit, status: Status, _handle: str) -> str:
        """See ForgeApi. A status of the same key replaces the one before."""
        body = {
            "key": key_of(status.name),
            "name": status.name,
            "state": STATES[status.state],
            "description": status.text,
            "url": status.url,
        }
        path = f"/repositories/{target.repository}/commit/{target.sha}/statuses/build"
        self.api.call("POST", path, body)
        return ""

    def show_comment(self, target: AnsweredCommit, comment: Comment, handle: str, mark: str) -> str:
        """See ForgeApi."""
        requests = f"/repositories/{target.repository}/pullrequests"
        comments = f"{requests}/{target.pull_request}/comments"
        thread = Thread(
            self.api,
            listed=f"{comments}?pagelen=100",
            comments=comments,
            one=f"{comments}/{{}}",
            change="PUT",
            write=lambda text: {"content": {"raw": text}},
            read=lambda found: str(found.get("content", {}).get("raw", "")),
            page=lambda found: found.get("values", ()),
        )
        return thread.show(comment.body, handle, mark)


def key_of(name: str) -> str:
    """The key of a status: its name, or a digest of one that is too long."""
    return name if len(name) <= LONGEST_KEY else digest_of("status", name)[:LONGEST_KEY]
