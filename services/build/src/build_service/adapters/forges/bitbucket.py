"""Bitbucket Cloud's webhook: verifies and reads its deliveries.

Formats: https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/ and, for the signature,
https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/ (under "Secure webhooks").

A push may change several refs in one delivery. A pull request names its commits by their first 12
digits only, and Bitbucket keeps neither its merge commit nor a fork's commits in the repository. So
what is checked of a pull request is its branch, when that is pushed; an event that has the whole
commit is read as on other forges.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field

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
    delivery_of,
    first_name,
    hmac_sha256,
    json_of,
    nothing_starts_on,
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
from penstock_shared.contracts.change import TAGS, Base
from penstock_shared.github import NO_COMMIT

SIGNATURE_HEADER = "x-hub-signature"
DELIVERY_HEADER = "x-request-uuid"
MOST_CHANGES = 20
"""The most refs of one push that start flows: the answer must come within seconds."""
_NEWS = {
    "pullrequest:created": PullRequestNews.READY,
    "pullrequest:updated": PullRequestNews.READY,
    "pullrequest:fulfilled": PullRequestNews.MERGED,
    "pullrequest:rejected": PullRequestNews.CLOSED,
}
_WHOLE = 40


class BitbucketWebhook:
    """The webhook of repositories on Bitbucket Cloud."""

    event_header: ClassVar[str] = "x-event-key"
    merges: ClassVar[MergeRefs] = MergeRefs()

    def verify(
        self, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime
    ) -> None:
        """See ForgeWebhook. Bitbucket does not sign the time of a delivery."""
        given = headers.get(SIGNATURE_HEADER, "")
        expected = [f"sha256={hmac_sha256(secret, body)}" for secret in secrets]
        refuse_unless_known([given], expected, SIGNATURE_HEADER)

    def read(self, headers: Mapping[str, str], body: bytes) -> Sequence[Said]:
        """See ForgeWebhook."""
        payload, event = json_of(headers, body), headers.get(self.event_header, "")
        delivery = delivery_of(headers, DELIVERY_HEADER)
        if event == "repo:push":
            return _pushes(part_of(_PushEvent, "push", payload), delivery)
        if event in _NEWS:
            request = part_of(_PullRequestEvent, "pull request", payload)
            return [_pull_requested(request, _NEWS[event], delivery)]
        return nothing_starts_on(event)


class _Actor(Payload):
    nickname: Name = ""
    display_name: Name = ""


class _Repository(Payload):
    full_name: FullName


class _Target(Payload):
    hash: Commit
    message: Message = ""


class _State(Payload):
    """A ref before or after a push. `type` is `branch` or `tag`; others have existed."""

    type: str
    name: Branch
    target: _Target | None = None


class _Change(Payload):
    new: _State | None = None
    old: _State | None = None


class _PushDetails(Payload):
    changes: Annotated[list[_Change], Field(min_length=1)]


class _PushEvent(Payload):
    actor: _Actor = _Actor()
    repository: _Repository
    push: _PushDetails


def _pushes(event: _PushEvent, delivery_id: str) -> Sequence[Said]:
    changes = event.push.changes
    said = [_pushed(event, change, delivery_id) for change in changes[:MOST_CHANGES]]
    left = len(changes) - MOST_CHANGES
    if left > 0:
        said.append(Ignored(f"{left} more refs of one push; {MOST_CHANGES} of them start flows"))
    return said


def _pushed(event: _PushEvent, change: _Change, delivery_id: str) -> Said:
    now = change.new or change.old
    if now is None:
        return Ignored("a change of no ref")
    ref = f"{TAGS if now.type == 'tag' else BRANCHES}{now.name}"
    target = change.new.target if change.new else None
    if ignored := why_not(ref, target.hash if target else NO_COMMIT):
        return ignored
    before = change.old.target if change.old else None
    return Pushed(
        repository=event.repository.full_name,
        ref=ref,
        before=before.hash if before else NO_COMMIT,
        sha=target.hash if target else NO_COMMIT,
        author=first_name(event.actor.display_name, event.actor.nickname),
        message=target.message if target else "",
        delivery_id=delivery_id,
    )


class _Head(Payload):
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{7,40}$")]


class _BranchName(Payload):
    name: Branch


class _Side(Payload):
    """The source or the destination. A fork that was deleted has no repository."""

    branch: _BranchName
    commit: _Head | None = None
    repository: _Repository | None = None


class _PullRequest(Payload):
    id: Number
    title: Name = ""
    draft: bool = False
    author: _Actor = _Actor()
    source: _Side
    destination: _Side
    updated_on: Moment


class _PullRequestEvent(Payload):
    actor: _Actor = _Actor()
    repository: _Repository
    pullrequest: _PullRequest


def _pull_requested(event: _PullRequestEvent, news: PullRequestNews, delivery_id: str) -> Said:
    known = event.pullrequest
    if reason := _why_unchecked(known, event.repository.full_name):
        return Ignored(reason)
    is_draft = known.draft and not news.is_over
    return PullRequested(
        repository=event.repository.full_name,
        number=known.id,
        news=PullRequestNews.DRAFT if is_draft else news,
        ref=f"{BRANCHES}{known.source.branch.name}",
        sha=_whole_commit(known.source),
        base=Base(
            ref=f"{BRANCHES}{known.destination.branch.name}", sha=_whole_commit(known.destination)
        ),
        fork="",
        title=known.title,
        author=first_name(known.author.display_name, known.author.nickname),
        message="",
        by=first_name(event.actor.display_name, event.actor.nickname),
        moment=known.updated_on,
        delivery_id=delivery_id,
    )


def _why_unchecked(known: _PullRequest, repository: str) -> str:
    """Why a pull request starts nothing; empty if its commit can be fetched."""
    source = known.source.repository.full_name if known.source.repository else DELETED_FORK
    if source != repository:
        return (
            f"pull request {known.id} is from {source}: Bitbucket keeps the commits of a fork in "
            "the fork, and source is fetched from the registered repository only"
        )
    if not _whole_commit(known.source):
        return (
            f"pull request {known.id} names its commit by the first digits only; the push of its "
            f"branch {known.source.branch.name} is what is checked"
        )
    return ""


def _whole_commit(side: _Side) -> str:
    """The commit, if all of its digits are given; else empty."""
    return side.commit.hash if side.commit and len(side.commit.hash) == _WHOLE else ""
