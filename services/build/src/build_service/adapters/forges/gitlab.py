"""GitLab's webhook: verifies and reads its deliveries.

Formats: https://docs.gitlab.com/user/project/integrations/webhook_events/ (push, tag and merge
request events). A delivery carries the webhook's secret token itself, in `X-Gitlab-Token`
(https://docs.gitlab.com/user/project/integrations/webhooks/). Newer versions sign with a signing
token as Standard Webhooks do (https://gitlab.com/gitlab-org/gitlab/-/merge_requests/230944,
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md); where
there is a signature, it counts, and not the token.

`refs/merge-requests/N/merge` is updated when somebody, or GitLab itself, looks whether N can be
merged (https://gitlab.com/gitlab-org/gitlab-foss/-/issues/58495), so it may be old or missing: then
the head is checked.
"""

import base64
import hashlib
import hmac
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from build_service.adapters.forges.payloads import (
    BRANCHES,
    DELETED_FORK,
    Branch,
    Commit,
    FullName,
    Message,
    Moment,
    Name,
    Number,
    Payload,
    Ref,
    delivery_of,
    first_name,
    json_of,
    nothing_starts_on,
    nothing_starts_when,
    part_of,
    refuse_unless_known,
    why_not,
)
from build_service.domain.delivery import (
    Ignored,
    MergeRefs,
    PullRequested,
    PullRequestNews,
    Pushed,
    Said,
)
from build_service.domain.errors import WebhookError
from penstock_shared.contracts.change import Base

TOKEN_HEADER = "x-gitlab-token"  # noqa: S105  # a header, not a token
SIGNATURE_HEADER = "webhook-signature"
DELIVERY_HEADERS = ("idempotency-key", "webhook-id", "x-gitlab-event-uuid")
SIGNING_PREFIX = "whsec_"
OLDEST = timedelta(minutes=5)
"""How much the time that a delivery is signed with may differ from ours, as the specification of
Standard Webhooks proposes."""
_MOST_SIGNATURES = 4
_PUSHES = ("Push Hook", "Tag Push Hook")
_MERGE_REQUEST = "Merge Request Hook"
_NEWS = {"merged": PullRequestNews.MERGED, "closed": PullRequestNews.CLOSED}


class GitLabWebhook:
    """The webhook of projects on GitLab."""

    event_header: ClassVar[str] = "x-gitlab-event"
    merges: ClassVar[MergeRefs] = MergeRefs("refs/merge-requests/{number}/merge")

    def verify(
        self, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime
    ) -> None:
        """See ForgeWebhook. A signature holds for five minutes."""
        if SIGNATURE_HEADER in headers:
            _verify_signature(secrets, headers, body, now)
        else:
            refuse_unless_known([headers.get(TOKEN_HEADER, "")], secrets, TOKEN_HEADER)

    def read(self, headers: Mapping[str, str], body: bytes) -> Sequence[Said]:
        """See ForgeWebhook."""
        payload, event = json_of(headers, body), headers.get(self.event_header, "")
        delivery = delivery_of(headers, *DELIVERY_HEADERS)
        if event in _PUSHES:
            return [_pushed(part_of(_Push, "push", payload), delivery)]
        if event == _MERGE_REQUEST:
            return [
                _merge_requested(part_of(_MergeRequestEvent, "merge request", payload), delivery)
            ]
        return nothing_starts_on(event)


def _verify_signature(
    secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime
) -> None:
    identity, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    content = f"{identity}.{moment}.".encode(errors="replace") + body
    expected = [_signature_of(secret, content) for secret in secrets]
    # A sender that changes its token signs with both for a while.
    given = headers[SIGNATURE_HEADER].split()[:_MOST_SIGNATURES]
    refuse_unless_known(given, expected, SIGNATURE_HEADER)
    if not moment.isdecimal() or abs(now.timestamp() - int(moment[:20])) > OLDEST.total_seconds():
        raise WebhookError(401, "the delivery was signed at another time, by more than 5 minutes")


def _signature_of(secret: str, content: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(SIGNING_PREFIX), validate=True)
    except Base64Error:
        key = secret.encode()
    return f"v1,{base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()}"


class _Author(Payload):
    name: Name = ""


class _Commit(Payload):
    id: Commit
    message: Message = ""
    author: _Author = _Author()


class _Project(Payload):
    path_with_namespace: FullName


class _Push(Payload):
    """`checkout_sha` is the commit, also of an annotated tag; None for what was deleted."""

    ref: Ref
    before: Commit
    after: Commit
    checkout_sha: Commit | None = None
    user_name: Name = ""
    user_username: Name = ""
    project: _Project
    commits: list[_Commit] = []


def _pushed(push: _Push, delivery_id: str) -> Said:
    if ignored := why_not(push.ref, push.after):
        return ignored
    sha = push.checkout_sha or push.after
    head = next((one for one in push.commits if one.id == sha), None)
    return Pushed(
        repository=push.project.path_with_namespace,
        ref=push.ref,
        before=push.before,
        sha=sha,
        author=first_name(head.author.name if head else "", push.user_name, push.user_username),
        message=head.message if head else "",
        delivery_id=delivery_id,
    )


class _User(Payload):
    name: Name = ""
    username: Name = ""


class _MergeRequest(Payload):
    """`source` is None if the fork is deleted. `oldrev` is the head before a push."""

    iid: Number
    title: Name = ""
    state: str
    action: str = ""
    draft: bool = False
    source_branch: Branch
    target_branch: Branch
    source: _Project | None = None
    last_commit: _Commit
    oldrev: str | None = None
    updated_at: Moment


class _MergeRequestEvent(Payload):
    user: _User = _User()
    project: _Project
    object_attributes: _MergeRequest
    changes: dict[str, Any] = {}


def _merge_requested(event: _MergeRequestEvent, delivery_id: str) -> Said:
    known, repository = event.object_attributes, event.project.path_with_namespace
    if ignored := _why_ignored(event):
        return ignored
    source = known.source.path_with_namespace if known.source else DELETED_FORK
    ready = PullRequestNews.DRAFT if known.draft else PullRequestNews.READY
    return PullRequested(
        repository=repository,
        number=known.iid,
        news=_NEWS.get(known.state, ready),
        ref=f"{BRANCHES}{known.source_branch}",
        sha=known.last_commit.id,
        base=Base(ref=f"{BRANCHES}{known.target_branch}"),
        fork="" if source == repository else source,
        title=known.title,
        author=known.last_commit.author.name,
        message=known.last_commit.message,
        by=first_name(event.user.username, event.user.name),
        moment=known.updated_at,
        delivery_id=delivery_id,
    )


def _why_ignored(event: _MergeRequestEvent) -> Ignored | None:
    """GitLab says `update` of anything: only another commit, base or draft matters."""
    known = event.object_attributes
    if known.action in {"open", "reopen", "close", "merge"}:
        return None
    if known.action != "update":
        return nothing_starts_when("merge request", known.action)
    if known.oldrev or event.changes.keys() & {"draft", "target_branch"}:
        return None
    return Ignored("the merge request was edited, and its commit is the same")
