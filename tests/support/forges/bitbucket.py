"""Bitbucket Cloud's deliveries, after
https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from penstock_shared.contracts.change import Forge
from penstock_shared.github import NO_COMMIT
from tests.support.forges import BASE, CLOSED, MERGED, OPENED, REOPENED, Head, Message, StandIn

EVENTS = {
    OPENED: "pullrequest:created", REOPENED: "pullrequest:created",
    MERGED: "pullrequest:fulfilled", CLOSED: "pullrequest:rejected",
}  # fmt: skip
ACTOR = {"type": "user", "display_name": "Ada", "nickname": "ada", "uuid": "{d301aafa}"}


def _repository(name: str) -> dict[str, Any]:
    return {"type": "repository", "full_name": name, "name": name, "scm": "git", "uuid": "{673a}"}


def _state(ref: str, sha: str, message: str) -> dict[str, Any] | None:
    if sha == NO_COMMIT:
        return None
    kind, _, name = ref.removeprefix("refs/").partition("/")
    target = {"type": "commit", "hash": sha, "message": message, "author": {"raw": "Ada <a@b.c>"}}
    return {"type": "tag" if kind == "tags" else "branch", "name": name, "target": target}


def change_of(ref: str, before: str, after: str, message: str = "Change") -> dict[str, Any]:
    """One of the `changes` of a push."""
    old, new = _state(ref, before, "Before"), _state(ref, after, message)
    return {
        "old": old, "new": new, "created": old is None, "closed": new is None, "forced": False,
        "commits": [], "truncated": False,
    }  # fmt: skip


@dataclass(frozen=True)
class BitbucketStandIn(StandIn):
    """Bitbucket Cloud. `digits` is how much of a commit's id it writes into pull requests."""

    forge: ClassVar[Forge] = Forge.BITBUCKET
    digits: int = 40

    def push(self, ref: str, before: str, after: str, message: str = "Change") -> Message:
        """See StandIn."""
        return self.push_of(change_of(ref, before, after, message))

    def push_of(self, *changes: dict[str, Any]) -> Message:
        """A push of several refs."""
        repository = _repository(self.repository)
        payload = {"actor": ACTOR, "repository": repository, "push": {"changes": list(changes)}}
        return Message("repo:push", payload)

    def pull_request(self, what: str, number: int, head: Head, message: str = "Change") -> Message:
        """See StandIn."""
        source = {
            "branch": {"name": head.branch},
            "commit": {"hash": head.sha[: self.digits]},
            "repository": _repository(head.fork or self.repository),
        }
        destination = {
            "branch": {"name": head.base},
            "commit": {"hash": BASE[: self.digits]},
            "repository": _repository(self.repository),
        }
        request = {
            "id": number, "title": head.title, "description": "", "state": "OPEN",
            "draft": head.draft, "author": ACTOR | {"display_name": "ada"}, "source": source,
            "destination": destination, "created_on": head.at, "updated_on": head.at,
            "merge_commit": None, "close_source_branch": True, "reviewers": [],
        }  # fmt: skip
        payload = {
            "actor": ACTOR | {"display_name": "grace"},
            "repository": _repository(self.repository),
            "pullrequest": request,
        }
        return Message(EVENTS.get(what, "pullrequest:updated"), payload)

    def others(self) -> Sequence[Message]:
        """See StandIn."""
        repository = _repository(self.repository)
        return (
            Message("repo:fork", {"repository": repository}),
            Message("pullrequest:approved", {"repository": repository}),
            Message("diagnostics:ping", {"test": True}),
        )

    def headers(self, secret: str, message: Message) -> dict[str, str]:
        """See StandIn."""
        signature = hmac.new(secret.encode(), message.body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json", "X-Event-Key": message.event,
            "X-Hook-UUID": "{21113a9c}", "X-Request-UUID": "1a2f3b4c", "X-Attempt-Number": "1",
            "X-Hub-Signature": f"sha256={signature}",
        }  # fmt: skip
