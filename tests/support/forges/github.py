"""GitHub's deliveries, after https://docs.github.com/en/webhooks/webhook-events-and-payloads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from penstock_shared.contracts.change import Forge
from penstock_shared.github import NO_COMMIT, commit_object, delivery_headers, push_event
from tests.support.forges import (
    BASE,
    CLOSED,
    DRAFTED,
    LABELLED,
    MERGED,
    OPENED,
    PUSHED,
    READY,
    REBASED,
    REOPENED,
    Head,
    Message,
    StandIn,
)

ACTIONS = {
    OPENED: "opened", PUSHED: "synchronize", REOPENED: "reopened", READY: "ready_for_review",
    DRAFTED: "converted_to_draft", CLOSED: "closed", MERGED: "closed", LABELLED: "labeled",
    REBASED: "edited",
}  # fmt: skip


def repository_of(name: str) -> dict[str, Any]:
    """A repository in the form of a payload."""
    owner, _, short = name.rpartition("/")
    return {
        "id": 35129377 + len(name), "name": short, "full_name": name, "private": False,
        "owner": {"login": owner, "type": "User"}, "default_branch": "main",
        "clone_url": f"https://github.com/{name}.git", "html_url": f"https://github.com/{name}",
    }  # fmt: skip


def pull_request_of(repository: str, what: str, number: int, head: Head) -> dict[str, Any]:
    """The `pull_request` of an event; Gitea's has these fields too."""
    source = head.fork or repository
    return {
        "id": 191568743,
        "number": number,
        "state": "closed" if what in {CLOSED, MERGED} else "open",
        "locked": False,
        "title": head.title,
        "user": {"login": "ada", "type": "User"},
        "body": None,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": head.at,
        "merged": what == MERGED,
        "draft": head.draft,
        "merge_commit_sha": None,
        "mergeable": None,
        "head": {
            "label": f"{source.partition('/')[0]}:{head.branch}",
            "ref": head.branch,
            "sha": head.sha,
            "repo": repository_of(source),
        },
        "base": {
            "label": f"acme:{head.base}",
            "ref": head.base,
            "sha": BASE,
            "repo": repository_of(repository),
        },
    }


@dataclass(frozen=True)
class GitHubStandIn(StandIn):
    """GitHub."""

    forge: ClassVar[Forge] = Forge.GITHUB

    def push(self, ref: str, before: str, after: str, message: str = "Change") -> Message:
        """See StandIn."""
        gone = after == NO_COMMIT
        commit = None if gone else commit_object(after, message=message, name="Ada")
        url = f"https://github.com/{self.repository}.git"
        return Message("push", push_event(self.repository, url, ref, before, after, commit, "ada"))

    def pull_request(self, what: str, number: int, head: Head, message: str = "Change") -> Message:
        """See StandIn."""
        payload = {
            "action": ACTIONS[what],
            "number": number,
            "pull_request": pull_request_of(self.repository, what, number, head),
            "repository": repository_of(self.repository),
            "sender": {"login": "grace", "type": "User"},
        }
        changes = {"changes": {"base": {"ref": {"from": "main"}, "sha": {"from": BASE}}}}
        return Message("pull_request", payload | (changes if what == REBASED else {}))

    def others(self) -> Sequence[Message]:
        """See StandIn."""
        repository = repository_of(self.repository)
        return (
            Message("ping", {"zen": "Keep it logically awesome.", "hook_id": 1}),
            Message("create", {"ref": "v1", "ref_type": "tag", "repository": repository}),
            Message("issues", {"action": "opened", "repository": repository}),
        )

    def headers(self, secret: str, message: Message) -> dict[str, str]:
        """See StandIn."""
        return delivery_headers(secret, message.body, "72d3162e", message.event)
