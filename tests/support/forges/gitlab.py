"""GitLab's deliveries, after
https://docs.gitlab.com/user/project/integrations/webhook_events/ and, for the signing token,
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from penstock_shared.contracts.change import Forge
from penstock_shared.github import NO_COMMIT
from penstock_shared.testing.fakes import FakeClock
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

ACTIONS = {OPENED: "open", REOPENED: "reopen", CLOSED: "close", MERGED: "merge"}
STATES = {CLOSED: "closed", MERGED: "merged"}
CHANGES: dict[str, dict[str, Any]] = {
    READY: {"draft": {"previous": True, "current": False}},
    DRAFTED: {"draft": {"previous": False, "current": True}},
    REBASED: {"target_branch": {"previous": "main", "current": "next"}},
    LABELLED: {"labels": {"previous": [], "current": []}},
}


def _project(name: str) -> dict[str, Any]:
    return {
        "id": 15, "name": "Shop", "path_with_namespace": name, "default_branch": "main",
        "git_http_url": f"https://gitlab.com/{name}.git", "web_url": f"https://gitlab.com/{name}",
    }  # fmt: skip


@dataclass(frozen=True)
class GitLabStandIn(StandIn):
    """GitLab, with a secret token."""

    forge: ClassVar[Forge] = Forge.GITLAB
    sends_messages: ClassVar[bool] = True

    def push(self, ref: str, before: str, after: str, message: str = "Change") -> Message:
        """See StandIn."""
        kind = "tag_push" if ref.startswith("refs/tags/") else "push"
        gone = after == NO_COMMIT
        commit = {"id": after, "message": message, "title": message, "author": {"name": "Ada"}}
        payload = {
            "object_kind": kind, "event_name": kind, "before": before, "after": after, "ref": ref,
            "ref_protected": True, "checkout_sha": None if gone else after,
            "user_id": 4, "user_name": "Ada", "user_username": "ada", "user_email": "",
            "project_id": 15, "project": _project(self.repository),
            "commits": [] if gone else [commit], "total_commits_count": 0 if gone else 1,
        }  # fmt: skip
        return Message("Tag Push Hook" if kind == "tag_push" else "Push Hook", payload)

    def pull_request(self, what: str, number: int, head: Head, message: str = "Change") -> Message:
        """See StandIn."""
        attributes = {
            "id": 99, "iid": number, "title": head.title, "state": STATES.get(what, "opened"),
            "source_branch": head.branch, "target_branch": head.base, "draft": head.draft,
            "work_in_progress": head.draft, "created_at": head.at, "updated_at": head.at,
            "source": _project(head.fork or self.repository), "target": _project(self.repository),
            "last_commit": {"id": head.sha, "message": message, "author": {"name": "ada"}},
            "merge_status": "unchecked", "action": ACTIONS.get(what, "update"),
        }  # fmt: skip
        payload = {
            "object_kind": "merge_request", "event_type": "merge_request",
            "user": {"id": 1, "name": "Grace", "username": "grace"},
            "project": _project(self.repository),
            "object_attributes": attributes | ({"oldrev": "e" * 40} if what == PUSHED else {}),
            "changes": CHANGES.get(what, {}),
        }  # fmt: skip
        return Message("Merge Request Hook", payload)

    def others(self) -> Sequence[Message]:
        """See StandIn."""
        project = _project(self.repository)
        return (
            Message("Issue Hook", {"object_kind": "issue", "project": project}),
            Message("Pipeline Hook", {"object_kind": "pipeline", "project": project}),
        )

    def headers(self, secret: str, message: Message) -> dict[str, str]:
        """See StandIn."""
        return {
            "Content-Type": "application/json", "X-Gitlab-Event": message.event,
            "X-Gitlab-Event-UUID": "13792a34", "Idempotency-Key": "f5e5f430",
            "X-Gitlab-Token": secret,
        }  # fmt: skip


@dataclass(frozen=True)
class SigningGitLabStandIn(GitLabStandIn):
    """GitLab, with a signing token. It signs as of a moment, by default that of a fake clock."""

    now: datetime = FakeClock.now

    def headers(self, secret: str, message: Message) -> dict[str, str]:
        """See StandIn."""
        headers = super().headers("", message)
        identity, moment = headers["Idempotency-Key"], str(int(self.now.timestamp()))
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{identity}.{moment}.".encode() + message.body
        signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        signed = {"webhook-id": identity, "webhook-timestamp": moment}
        return headers | signed | {"webhook-signature": f"v1,{signature}"}
