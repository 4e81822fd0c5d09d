"""GitHub's push webhook: verifies and reads its deliveries.

Formats: https://docs.github.com/en/webhooks/webhook-events-and-payloads#push and, for the
signature, https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries.
"""

import hmac
from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json

from build_service.domain.errors import WebhookError
from build_service.domain.push import Ignored, Pushed
from penstock_shared import github

SIGNATURE_HEADER = github.SIGNATURE_HEADER.lower()
DELIVERY_HEADER = github.DELIVERY_HEADER.lower()
MESSAGE_CHARACTERS = 2000
NAME_CHARACTERS = 200
_REF = r"^refs(/[^/\x00-\x20\x7f~^:?*\[\\]+)+$"
"""Close to https://git-scm.com/docs/git-check-ref-format. Git itself has accepted the name."""


class GitHub:
    """The webhook of repositories on GitHub, which the hooks of plain repositories send too."""

    event_header: ClassVar[str] = github.EVENT_HEADER.lower()

    def verify(self, secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> None:
        """See ForgeWebhook."""
        signature = headers.get(SIGNATURE_HEADER, "")
        if not signature:
            raise WebhookError(
                401, f"the delivery is not signed: it has no {SIGNATURE_HEADER} header"
            )
        given = signature.encode(errors="replace")
        expected = [github.signature_of(secret, body).encode() for secret in secrets]
        matches = [hmac.compare_digest(one, given) for one in expected]
        if not any(matches):
            raise WebhookError(
                401,
                "the signature is wrong: is the webhook's secret the one of this repository? "
                "`penstock repo rotate-secret` makes a new one",
            )

    def read(self, headers: Mapping[str, str], body: bytes) -> Pushed | Ignored:
        """See ForgeWebhook."""
        try:
            payload = from_json(body)
        except ValueError as error:
            raise WebhookError(400, f"the body is not JSON: {error}") from error
        kind = headers.get(self.event_header, "")
        if kind != "push":
            return Ignored(f"nothing starts on a {kind[:NAME_CHARACTERS]!r} event")
        try:
            push = _Push.model_validate(payload)
            delivery = headers.get(DELIVERY_HEADER, "")[:NAME_CHARACTERS]
            return _reason_to_ignore(push) or _pushed(push, delivery)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "body"
            raise WebhookError(422, f"not a push: {field}: {first['msg']}") from error


class _Person(BaseModel):
    name: str | None = None
    username: str | None = None


class _Commit(BaseModel):
    message: str = ""
    author: _Person = _Person()


class _Repository(BaseModel):
    full_name: str = Field(min_length=1, max_length=200, pattern=r"^[\w.-]+(/[\w.-]+)*$")


class _Push(BaseModel):
    ref: str = Field(max_length=500, pattern=_REF)
    before: str = Field(pattern=r"^[0-9a-f]{40}$")
    after: str = Field(pattern=r"^[0-9a-f]{40}$")
    deleted: bool = False
    repository: _Repository
    head_commit: _Commit | None = None
    pusher: _Person = _Person()


def _reason_to_ignore(push: _Push) -> Ignored | None:
    if push.deleted or push.after == github.NO_COMMIT:
        return Ignored(f"{push.ref} was deleted; there is nothing to build")
    if push.ref.startswith("refs/tags/"):
        return Ignored(f"{push.ref} is a tag; only branches start a flow")
    if not push.ref.startswith("refs/heads/"):
        return Ignored(f"{push.ref} is no branch; only branches start a flow")
    return None


def _pushed(push: _Push, delivery_id: str) -> Pushed:
    return Pushed(
        repository=push.repository.full_name,
        ref=push.ref,
        before=push.before,
        sha=push.after,
        author=_author(push)[:NAME_CHARACTERS],
        message=push.head_commit.message[:MESSAGE_CHARACTERS] if push.head_commit else "",
        delivery_id=delivery_id,
    )


def _author(push: _Push) -> str:
    author = push.head_commit.author if push.head_commit else push.pusher
    return author.name or author.username or push.pusher.name or ""
