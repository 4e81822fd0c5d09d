"""GitLab: commit statuses, and a note on the merge request.

Formats: https://docs.gitlab.com/api/commits/#set-commit-pipeline-status and
https://docs.gitlab.com/api/notes/#merge-requests. A project or group access token needs the scope
`api` and the role Developer.
"""

from dataclasses import dataclass
from urllib.parse import quote

from answers_service.adapters.forges.threads import Thread
from answers_service.adapters.http import JsonApi
from answers_service.domain.answer import AnsweredCommit, Comment, State, Status
from answers_service.domain.errors import NotToldError
from penstock_shared.contracts.answers import WriteCredential

STATES = {
    State.PENDING: "running",
    State.PASSED: "success",
    State.FAILED: "failed",
    State.STOPPED: "canceled",
}


@dataclass(frozen=True)
class GitLabApi:
    """The API of GitLab.com and of GitLab elsewhere."""

    api: JsonApi

    @classmethod
    def of(cls, credential: WriteCredential) -> "GitLabApi":
        """The API as a credential has it."""
        return cls(JsonApi(credential.api_url, {"PRIVATE-TOKEN": credential.token}))

    def show_status(self, target: AnsweredCommit, status: Status, _handle: str) -> str:
        """See ForgeApi.

        GitLab refuses with 400 to set a status to the state that it has, even with another text:
        then the commit shows the state already.
        """
        body = {
            "state": STATES[status.state],
            "name": status.name,
            "target_url": status.url,
            "description": status.text,
            "ref": target.ref.removeprefix("refs/heads/").removeprefix("refs/tags/"),
        }
        try:
            self.api.call("POST", f"{self._project(target)}/statuses/{target.sha}", body)
        except NotToldError as error:
            if error.status != 400 or "Cannot transition status" not in str(error):
                raise
        return ""

    def show_comment(self, target: AnsweredCommit, comment: Comment, handle: str, mark: str) -> str:
        """See ForgeApi."""
        notes = f"{self._project(target)}/merge_requests/{target.pull_request}/notes"
        thread = Thread(
            self.api,
            listed=f"{notes}?per_page=100&sort=asc",
            comments=notes,
            one=f"{notes}/{{}}",
            change="PUT",
            write=lambda text: {"body": text},
            read=lambda found: str(found.get("body", "")),
        )
        return thread.show(comment.body, handle, mark)

    def _project(self, target: AnsweredCommit) -> str:
        return f"/projects/{quote(target.repository, safe='')}"
