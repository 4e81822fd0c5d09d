"""Makes deliveries of GitHub's push webhook, for senders that stand in for GitHub.

Formats: https://docs.github.com/en/webhooks/webhook-events-and-payloads#push and, for the
signature, https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries.
It imports only the standard library, because every push to the embedded hook waits for its imports.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

NO_COMMIT = "0" * 40
EVENT_HEADER = "X-GitHub-Event"
DELIVERY_HEADER = "X-GitHub-Delivery"
SIGNATURE_HEADER = "X-Hub-Signature-256"


def push_event(
    repository: str,
    clone_url: str,
    ref: str,
    before: str,
    after: str,
    commit: Mapping[str, Any] | None = None,
    pusher: str = "",
) -> dict[str, Any]:
    """The payload of a push of `ref` from one commit to another.

    `commit` is the newest commit, made by `commit_object`; None for a deleted ref.
    """
    owner, _, name = repository.rpartition("/")
    return {
        "ref": ref,
        "before": before,
        "after": after,
        "created": before == NO_COMMIT,
        "deleted": after == NO_COMMIT,
        "repository": {
            "name": name,
            "full_name": repository,
            "owner": {"login": owner},
            "html_url": clone_url,
            "clone_url": clone_url,
            "default_branch": "main",
        },
        "head_commit": commit,
        "commits": [commit] if commit else [],
        "pusher": {"name": pusher},
        "sender": {"login": pusher},
    }


def commit_object(
    sha: str, *, message: str = "", timestamp: str = "", name: str = "", email: str = ""
) -> dict[str, Any]:
    """A commit in the form of a payload. `timestamp` is ISO 8601."""
    person = {"name": name, "email": email}
    return {
        "id": sha,
        "message": message,
        "timestamp": timestamp,
        "author": person,
        "committer": person,
    }


def signature_of(secret: str, body: bytes) -> str:
    """The signature header of a delivery with this body."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def delivery_headers(
    secret: str, body: bytes, delivery: str, event: str = "push"
) -> dict[str, str]:
    """The headers of a signed delivery. A repeated delivery has the same id."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/penstock",
        EVENT_HEADER: event,
        DELIVERY_HEADER: delivery,
        SIGNATURE_HEADER: signature_of(secret, body),
    }
