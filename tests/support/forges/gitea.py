"""Gitea's deliveries, after https://docs.gitea.com/usage/repository/webhooks, and Forgejo's."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from penstock_shared.contracts.change import Forge
from penstock_shared.github import NO_COMMIT
from tests.support.forges import (
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
from tests.support.forges.github import pull_request_of, repository_of

ACTIONS = {
    OPENED: "opened", PUSHED: "synchronized", REOPENED: "reopened", READY: "edited",
    DRAFTED: "edited", CLOSED: "closed", MERGED: "closed", LABELLED: "label_updated",
    REBASED: "edited",
}  # fmt: skip


@dataclass(frozen=True)
class GiteaStandIn(StandIn):
    """Gitea. The name of a pull request that is a draft begins with `WIP:`."""

    forge: ClassVar[Forge] = Forge.GITEA

    def push(self, ref: str, before: str, after: str, message: str = "Change") -> Message:
        """See StandIn."""
        person = {"name": "Ada", "email": "ada@example.com", "username": "ada"}
        commit = {"id": after, "message": message, "author": person, "committer": person}
        gone = after == NO_COMMIT
        payload = {
            "ref": ref, "before": before, "after": after, "compare_url": "http://host.invalid/c",
            "commits": [] if gone else [commit], "head_commit": None if gone else commit,
            "total_commits": 0 if gone else 1,
            "repository": repository_of(self.repository),
            "pusher": {"id": 1, "login": "ada"}, "sender": {"id": 1, "login": "ada"},
        }  # fmt: skip
        return Message("push", payload)

    def pull_request(self, what: str, number: int, head: Head, message: str = "Change") -> Message:
        """See StandIn."""
        payload = {
            "action": ACTIONS[what],
            "number": number,
            "pull_request": pull_request_of(self.repository, what, number, head),
            "requested_reviewer": None,
            "repository": repository_of(self.repository),
            "sender": {"id": 2, "login": "grace", "full_name": ""},
            "commit_id": "",
            "review": None,
        }
        return Message("pull_request", payload)

    def others(self) -> Sequence[Message]:
        """See StandIn."""
        created = {"sha": "a" * 40, "ref": "v1", "ref_type": "tag"}
        return (Message("create", created), Message("issues", {"action": "opened"}))

    def headers(self, secret: str, message: Message) -> dict[str, str]:
        """See StandIn."""
        signature = hmac.new(secret.encode(), message.body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json",
            "X-Gitea-Delivery": "f6266f16", "X-Gitea-Event": message.event,
            "X-Gitea-Signature": signature,
            "X-Gogs-Event": message.event, "X-Gogs-Signature": signature,
            "X-GitHub-Event": message.event, "X-Hub-Signature-256": f"sha256={signature}",
        }  # fmt: skip


@dataclass(frozen=True)
class ForgejoStandIn(GiteaStandIn):
    """Forgejo, which sends Gitea's headers and its own."""

    def headers(self, secret: str, message: Message) -> dict[str, str]:
        """See StandIn."""
        headers = super().headers(secret, message)
        signature = headers.pop("X-Gitea-Signature")
        own = {"X-Forgejo-Event": message.event, "X-Forgejo-Delivery": "f6266f16"}
        return headers | own | {"X-Forgejo-Signature": signature}
