"""GitHub's push webhook: who may send it, and what it says.

Formats: https://docs.github.com/en/webhooks/webhook-events-and-payloads#push and, for the
signature, https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json

from build_service.domain.errors import WebhookError
from penstock_shared.contracts.change import Change, Forge

NO_COMMIT = "0" * 40
SIGNATURE_HEADER = "x-hub-signature-256"
EVENT_HEADER = "x-github-event"
DELIVERY_HEADER = "x-github-delivery"
MESSAGE_CHARACTERS = 2000


@dataclass(frozen=True)
class Ignored:
    """A webhook that is in order, but starts nothing."""

    reason: str


def check_signature(secret: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Raises WebhookError (401) unless the body was signed with the secret.

    The comparison takes the same time wherever the signatures differ. A request that is no
    delivery of GitHub's at all, having neither event nor signature, is told so (400).
    """
    signature = headers.get(SIGNATURE_HEADER, "")
    if not signature and EVENT_HEADER not in headers:
        raise WebhookError(400, f"not a webhook: it has no {EVENT_HEADER} header")
    if not signature:
        raise WebhookError(401, f"the delivery is not signed: it has no {SIGNATURE_HEADER} header")
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise WebhookError(401, "the signature is wrong: is the webhook's secret this stack's?")


def read_delivery(body: bytes, headers: Mapping[str, str], now: datetime) -> Change | Ignored:
    """What a signed delivery says.

    Raises WebhookError: 400 when the body is no JSON or the header is missing, 422 when it is
    JSON that is no push.
    """
    kind = headers.get(EVENT_HEADER)
    if not kind:
        raise WebhookError(400, f"the {EVENT_HEADER} header is missing")
    try:
        payload = from_json(body)
    except ValueError as error:
        raise WebhookError(400, f"the body is not JSON: {error}") from error
    if kind != "push":
        return Ignored(f"nothing starts on a {kind!r} event")
    try:
        push = _Push.model_validate(payload)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise WebhookError(422, f"not a push: {field}: {first['msg']}") from error
    return _reason_to_ignore(push) or _change(push, headers.get(DELIVERY_HEADER, ""), now)


class _Person(BaseModel):
    name: str | None = None
    username: str | None = None


class _Commit(BaseModel):
    message: str = ""
    author: _Person = _Person()


class _Repository(BaseModel):
    full_name: str = Field(min_length=1, max_length=200, pattern=r"^[\w.-]+(/[\w.-]+)*$")
    clone_url: str = Field(min_length=1)


class _Push(BaseModel):
    ref: str = Field(min_length=1, max_length=500)
    before: str = Field(pattern=r"^[0-9a-f]{40}$")
    after: str = Field(pattern=r"^[0-9a-f]{40}$")
    deleted: bool = False
    repository: _Repository
    head_commit: _Commit | None = None
    pusher: _Person = _Person()


def _reason_to_ignore(push: _Push) -> Ignored | None:
    if push.deleted or push.after == NO_COMMIT:
        return Ignored(f"{push.ref} was deleted; there is nothing to build")
    if push.ref.startswith("refs/tags/"):
        return Ignored(f"{push.ref} is a tag; only branches start a flow")
    if not push.ref.startswith("refs/heads/"):
        return Ignored(f"{push.ref} is no branch; only branches start a flow")
    return None


def _change(push: _Push, delivery_id: str, now: datetime) -> Change:
    return Change(
        forge=Forge.GITHUB,
        repository=push.repository.full_name,
        ref=push.ref,
        before=push.before,
        sha=push.after,
        author=_author(push),
        message=push.head_commit.message[:MESSAGE_CHARACTERS] if push.head_commit else "",
        clone_url=push.repository.clone_url,
        delivery_id=delivery_id,
        pushed_at=now,
    )


def _author(push: _Push) -> str:
    author: Any = push.head_commit.author if push.head_commit else push.pusher
    return author.name or author.username or push.pusher.name or ""
