"""GitHub's webhook: verifies and reads its deliveries.

Formats: https://docs.github.com/en/webhooks/webhook-events-and-payloads (#push, #pull_request) and,
for the signature,
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries. For the merge
commit that a pull request is checked at:
https://docs.github.com/en/rest/guides/using-the-rest-api-to-interact-with-your-git-database (under
"Checking mergeability of pull requests").
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
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
from penstock_shared import github
from penstock_shared.contracts.change import TAGS, Base

SIGNATURE_HEADER = github.SIGNATURE_HEADER.lower()
DELIVERY_HEADER = github.DELIVERY_HEADER.lower()
ACTIONS = (
    "opened", "synchronize", "reopened", "ready_for_review", "converted_to_draft", "closed",
)  # fmt: skip
"""What happens to a pull request that changes whether, and at which commit, it is checked. An
`edited` one counts too if its base is another."""


class GitHubWebhook:
    """The webhook of repositories on GitHub, which the hooks of plain repositories send too."""

    event_header: ClassVar[str] = github.EVENT_HEADER.lower()
    merges: ClassVar[MergeRefs] = MergeRefs("refs/pull/{number}/merge", always=True)

    def verify(
        self, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime
    ) -> None:
        """See ForgeWebhook. GitHub does not sign the time of a delivery."""
        given = headers.get(SIGNATURE_HEADER, "")
        expected = [github.signature_of(secret, body) for secret in secrets]
        refuse_unless_known([given], expected, SIGNATURE_HEADER)

    def read(self, headers: Mapping[str, str], body: bytes) -> Sequence[Said]:
        """See ForgeWebhook."""
        payload, event = json_of(headers, body), headers.get(self.event_header, "")
        delivery = delivery_of(headers, DELIVERY_HEADER)
        if event == "push":
            return [pushed(part_of(PushPayload, "push", payload), delivery)]
        if event == "pull_request":
            return [_pull_requested(payload, delivery)]
        if event == "ping":
            return [Ignored("the webhook works; pushes and pull requests start flows")]
        return nothing_starts_on(event)


class Person(Payload):
    """Somebody, by whichever names the event gives."""

    name: Name = ""
    username: Name = ""
    login: Name = ""


class HeadCommit(Payload):
    """The newest commit of a push. GitHub names the commit behind a tag, and not the tag."""

    id: Commit | None = None
    message: Message = ""
    author: Person = Person()


class RepositoryPayload(Payload):
    """The repository that an event is about."""

    full_name: FullName


class PushPayload(Payload):
    """The event `push`; Gitea's has the same fields."""

    ref: Ref
    before: Commit
    after: Commit
    deleted: bool = False
    repository: RepositoryPayload
    head_commit: HeadCommit | None = None
    pusher: Person = Person()


def pushed(push: PushPayload, delivery_id: str) -> Said:
    """What the push says."""
    if ignored := why_not(push.ref, github.NO_COMMIT if push.deleted else push.after):
        return ignored
    head = push.head_commit or HeadCommit()
    author = head.author if push.head_commit else push.pusher
    is_tag = push.ref.startswith(TAGS)
    return Pushed(
        repository=push.repository.full_name,
        ref=push.ref,
        before=push.before,
        sha=head.id if is_tag and head.id else push.after,
        author=first_name(author.name, author.username, push.pusher.name),
        message=head.message,
        delivery_id=delivery_id,
    )


class Side(Payload):
    """The head or the base of a pull request. A fork that was deleted has no repository."""

    ref: Branch
    sha: Commit
    repo: RepositoryPayload | None = None


class PullRequestPayload(Payload):
    """A pull request; Gitea's has the same fields."""

    title: Name = ""
    user: Person = Person()
    draft: bool = False
    merged: bool = False
    state: str = "open"
    head: Side
    base: Side
    updated_at: Moment


class PullRequestEvent(Payload):
    """The event `pull_request`."""

    action: str
    number: Number
    pull_request: PullRequestPayload
    repository: RepositoryPayload
    sender: Person = Person()


def _pull_requested(payload: Any, delivery_id: str) -> Said:
    event = part_of(PullRequestEvent, "pull request", payload)
    if event.action not in ACTIONS and not _has_another_base(event.action, payload):
        return nothing_starts_when("pull request", event.action)
    return pull_requested(event, delivery_id)


def _has_another_base(action: str, payload: Any) -> bool:
    changes = payload.get("changes") if action == "edited" else None
    return isinstance(changes, dict) and "base" in changes


def pull_requested(event: PullRequestEvent, delivery_id: str) -> PullRequested:
    """What the event says of its pull request."""
    known, repository = event.pull_request, event.repository.full_name
    head = known.head.repo.full_name if known.head.repo else DELETED_FORK
    return PullRequested(
        repository=repository,
        number=event.number,
        news=_news(known),
        ref=f"{BRANCHES}{known.head.ref}",
        sha=known.head.sha,
        base=Base(ref=f"{BRANCHES}{known.base.ref}", sha=known.base.sha),
        fork="" if head == repository else head,
        title=known.title,
        author=first_name(known.user.login, known.user.name),
        message="",
        by=first_name(event.sender.login, event.sender.name),
        moment=known.updated_at,
        delivery_id=delivery_id,
    )


def _news(known: PullRequestPayload) -> PullRequestNews:
    if known.state != "open":
        return PullRequestNews.MERGED if known.merged else PullRequestNews.CLOSED
    return PullRequestNews.DRAFT if known.draft else PullRequestNews.READY
