"""One suite for all forges: what their deliveries say, and whose deliveries are believed."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from build_service.adapters.forges import FORGES
from build_service.domain.delivery import (
    ForgeWebhook,
    Ignored,
    PullRequested,
    PullRequestNews,
    Pushed,
    Said,
)
from build_service.domain.errors import WebhookError
from penstock_shared.contracts.change import Base, Forge
from penstock_shared.github import NO_COMMIT
from penstock_shared.testing.fakes import FakeClock
from tests.support import forges
from tests.support.forges import Head, Message, StandIn, sent
from tests.support.forges.bitbucket import BitbucketStandIn, change_of
from tests.support.forges.git import PlainGitStandIn
from tests.support.forges.gitea import ForgejoStandIn, GiteaStandIn
from tests.support.forges.github import GitHubStandIn
from tests.support.forges.gitlab import GitLabStandIn, SigningGitLabStandIn

SECRET = f"whsec_{base64.b64encode(b'a secret of these tests, 32 byte').decode()}"
OTHER = f"whsec_{base64.b64encode(b'another secret, not registered..').decode()}"
NOW = FakeClock.now
STAND_INS: Mapping[str, StandIn] = {
    "github": GitHubStandIn(),
    "gitlab": GitLabStandIn(),
    "gitlab that signs": SigningGitLabStandIn(),
    "gitea": GiteaStandIn(),
    "forgejo": ForgejoStandIn(),
    "bitbucket": BitbucketStandIn(),
    "git": PlainGitStandIn(),
}


@pytest.fixture(params=STAND_INS)
def sender(request: pytest.FixtureRequest) -> StandIn:
    """A forge that sends deliveries."""
    return STAND_INS[request.param]


def webhook_of(sender: StandIn) -> ForgeWebhook:
    return FORGES[sender.forge]


def said_by(sender: StandIn, message: Message) -> Said:
    """The one thing that a delivery says."""
    recorded = sent(sender, SECRET, message)
    (said,) = webhook_of(sender).read(recorded.headers, recorded.body)
    return said


def verified(sender: StandIn, message: Message, *secrets: str, **headers: str) -> None:
    recorded = sent(sender, SECRET, message)
    webhook = webhook_of(sender)
    webhook.verify(secrets, {**recorded.headers, **headers}, recorded.body, NOW)


def test_every_forge_of_the_glossary_is_registered() -> None:
    assert set(FORGES) == set(Forge)
    assert {sender.forge for sender in STAND_INS.values()} == set(Forge)


def test_a_push_is_read(sender: StandIn) -> None:
    message = sender.push("refs/heads/feature/x", forges.BEFORE, forges.SHA, "Sell more")

    said = said_by(sender, message)

    assert isinstance(said, Pushed)
    assert said.delivery_id
    assert replace(said, delivery_id="") == Pushed(
        repository="acme/shop",
        ref="refs/heads/feature/x",
        before=forges.BEFORE,
        sha=forges.SHA,
        author="Ada",
        message="Sell more",
        delivery_id="",
    )


def test_a_new_branch_begins_at_no_commit(sender: StandIn) -> None:
    said = said_by(sender, sender.push("refs/heads/new", NO_COMMIT, forges.SHA))

    assert isinstance(said, Pushed)
    assert said.before == NO_COMMIT


def test_a_tag_is_a_push_of_its_commit(sender: StandIn) -> None:
    said = said_by(sender, sender.push("refs/tags/v1.0", NO_COMMIT, forges.SHA))

    assert isinstance(said, Pushed)
    assert (said.ref, said.sha) == ("refs/tags/v1.0", forges.SHA)


@pytest.mark.parametrize("ref", ["refs/heads/old", "refs/tags/v0"])
def test_a_deletion_starts_nothing_and_says_so(sender: StandIn, ref: str) -> None:
    said = said_by(sender, sender.push(ref, forges.SHA, NO_COMMIT))

    assert said == Ignored(f"{ref} was deleted; there is nothing to build")


def test_other_events_start_nothing_and_say_so(sender: StandIn) -> None:
    for message in sender.others():
        said = said_by(sender, message)
        assert isinstance(said, Ignored)
        assert said.reason


def test_a_pull_request_is_read(sender: StandIn) -> None:
    said = said_by(sender, sender.pull_request(forges.OPENED, 7, Head(), "Sell even more"))

    assert isinstance(said, PullRequested)
    assert said.delivery_id
    assert said.base.sha in (forges.BASE, "")
    assert said.by
    assert replace(said, delivery_id="", by="", base=Base(ref=said.base.ref)) == PullRequested(
        repository="acme/shop",
        number=7,
        news=PullRequestNews.READY,
        ref="refs/heads/feature",
        sha=forges.SHA,
        base=Base(ref="refs/heads/main"),
        fork="",
        title="Sell more",
        author="ada",
        message="Sell even more" if sender.sends_messages else "",
        by="",
        moment=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        delivery_id="",
    )


@pytest.mark.parametrize(
    ("what", "draft", "news"),
    [
        (forges.OPENED, False, PullRequestNews.READY),
        (forges.OPENED, True, PullRequestNews.DRAFT),
        (forges.PUSHED, False, PullRequestNews.READY),
        (forges.PUSHED, True, PullRequestNews.DRAFT),
        (forges.REOPENED, False, PullRequestNews.READY),
        (forges.READY, False, PullRequestNews.READY),
        (forges.DRAFTED, True, PullRequestNews.DRAFT),
        (forges.REBASED, False, PullRequestNews.READY),
        (forges.CLOSED, False, PullRequestNews.CLOSED),
        (forges.CLOSED, True, PullRequestNews.CLOSED),
        (forges.MERGED, False, PullRequestNews.MERGED),
    ],
)
def test_what_happens_to_a_pull_request_is_read(
    sender: StandIn, what: str, draft: bool, news: PullRequestNews
) -> None:
    said = said_by(sender, sender.pull_request(what, 7, Head(draft=draft)))

    assert isinstance(said, PullRequested)
    assert said.news is news


def test_a_fork_is_told_from_the_repository_itself(sender: StandIn) -> None:
    said = said_by(sender, sender.pull_request(forges.OPENED, 7, Head(fork="mallory/shop")))

    if isinstance(said, Ignored):  # where a forge hides the commits of forks
        assert sender.forge is Forge.BITBUCKET
        assert "is from mallory/shop" in said.reason
        return
    assert isinstance(said, PullRequested)
    assert (said.repository, said.fork) == ("acme/shop", "mallory/shop")


SOURCES: Mapping[Forge, tuple[str, ...]] = {
    Forge.GITHUB: ("pull_request", "head", "repo"),
    Forge.GIT: ("pull_request", "head", "repo"),
    Forge.GITEA: ("pull_request", "head", "repo"),
    Forge.GITLAB: ("object_attributes", "source"),
    Forge.BITBUCKET: ("pullrequest", "source", "repository"),
}
"""Where each forge says which repository a head is in. It is null once that is deleted."""


def test_a_fork_that_was_deleted_is_a_fork(sender: StandIn) -> None:
    message = sender.pull_request(forges.OPENED, 7, Head(fork="mallory/shop"))
    *path, last = SOURCES[sender.forge]
    part = message.payload
    for name in path:
        part = part[name]
    part[last] = None

    said = said_by(sender, message)

    told = said.reason if isinstance(said, Ignored) else getattr(said, "fork", "")
    assert "a deleted fork" in told


def test_an_edit_that_changes_no_commit_starts_nothing(sender: StandIn) -> None:
    said = said_by(sender, sender.pull_request(forges.LABELLED, 7, Head()))

    if sender.forge is Forge.BITBUCKET:  # it has one event for every edit; the record knows
        assert isinstance(said, PullRequested)
        return
    assert isinstance(said, Ignored)


def test_the_secret_s_own_signature_is_believed(sender: StandIn) -> None:
    message = sender.push("refs/heads/main", forges.BEFORE, forges.SHA)

    verified(sender, message, SECRET)
    verified(sender, message, OTHER, SECRET)


@pytest.mark.parametrize("secrets", [(), (OTHER,), ("",)], ids=["none", "another", "empty"])
def test_no_other_signature_is_believed(sender: StandIn, secrets: tuple[str, ...]) -> None:
    message = sender.push("refs/heads/main", forges.BEFORE, forges.SHA)

    with pytest.raises(WebhookError, match="the signature is wrong") as refused:
        verified(sender, message, *secrets)
    assert refused.value.status == 401


def test_an_unsigned_delivery_is_not_believed(sender: StandIn) -> None:
    message = sender.push("refs/heads/main", forges.BEFORE, forges.SHA)
    recorded = sent(sender, SECRET, message)
    secrets = {"signature", "token"}
    headers = {
        name: value
        for name, value in recorded.headers.items()
        if not any(part in name for part in secrets)
    }

    with pytest.raises(WebhookError, match="not signed") as refused:
        webhook_of(sender).verify([SECRET], headers, recorded.body, NOW)
    assert refused.value.status == 401


def test_a_body_that_was_changed_is_not_believed(sender: StandIn) -> None:
    if type(sender) is GitLabStandIn:
        return  # its token stands for whatever it comes with
    recorded = sent(sender, SECRET, sender.push("refs/heads/main", forges.BEFORE, forges.SHA))

    with pytest.raises(WebhookError, match="the signature is wrong"):
        webhook_of(sender).verify([SECRET], recorded.headers, recorded.body + b" ", NOW)


def test_every_delivery_has_the_header_that_tells_its_event(sender: StandIn) -> None:
    for message in (*sender.others(), sender.push("refs/heads/x", forges.BEFORE, forges.SHA)):
        recorded = sent(sender, SECRET, message)
        assert recorded.headers[webhook_of(sender).event_header] == message.event


@pytest.mark.parametrize("body", [b"garbage", b"", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_400(sender: StandIn, body: bytes) -> None:
    message = sender.push("refs/heads/main", forges.BEFORE, forges.SHA)
    headers = sent(sender, SECRET, message).headers

    with pytest.raises(WebhookError) as refused:
        webhook_of(sender).read(headers, body)
    assert refused.value.status == 400


def test_a_form_is_told_to_be_json(sender: StandIn) -> None:
    message = sender.push("refs/heads/main", forges.BEFORE, forges.SHA)
    form = {"content-type": "application/x-www-form-urlencoded"}
    headers = {**sent(sender, SECRET, message).headers, **form}

    with pytest.raises(WebhookError, match="content type to application/json"):
        webhook_of(sender).read(headers, b"payload=%7B%7D")


@pytest.mark.parametrize("payload", [{}, [], None, 1, "x", {"ref": 1}])
def test_json_that_is_not_what_its_header_says_is_422(sender: StandIn, payload: Any) -> None:
    for good in (
        sender.push("refs/heads/main", forges.BEFORE, forges.SHA),
        sender.pull_request(forges.OPENED, 7, Head()),
    ):
        message = Message(good.event, payload)
        with pytest.raises(WebhookError, match=r"^not a (push|pull request|merge request): ") as no:
            said_by(sender, message)
        assert no.value.status == 422


def test_long_texts_are_cut(sender: StandIn) -> None:
    said = said_by(sender, sender.pull_request(forges.OPENED, 7, Head(title="x" * 5_000)))

    assert isinstance(said, PullRequested)
    assert len(said.title) == 200
    pushed = said_by(sender, sender.push("refs/heads/x", forges.BEFORE, forges.SHA, "m" * 9_999))
    assert isinstance(pushed, Pushed)
    assert len(pushed.message) == 2000


def test_bitbucket_pushes_several_refs_in_one_delivery() -> None:
    sender = BitbucketStandIn()
    message = sender.push_of(
        change_of("refs/heads/a", forges.BEFORE, forges.SHA),
        change_of("refs/tags/v1", NO_COMMIT, forges.SHA),
        change_of("refs/heads/old", forges.SHA, NO_COMMIT),
    )
    recorded = sent(sender, SECRET, message)

    said = FORGES[Forge.BITBUCKET].read(recorded.headers, recorded.body)

    assert [getattr(one, "ref", "") for one in said] == ["refs/heads/a", "refs/tags/v1", ""]


def test_of_a_push_of_very_many_refs_the_first_twenty_start_flows() -> None:
    sender = BitbucketStandIn()
    refs = [change_of(f"refs/heads/b{n}", forges.BEFORE, forges.SHA) for n in range(30)]
    recorded = sent(sender, SECRET, sender.push_of(*refs))

    said = FORGES[Forge.BITBUCKET].read(recorded.headers, recorded.body)

    assert sum(isinstance(one, Pushed) for one in said) == 20
    assert said[-1] == Ignored("10 more refs of one push; 20 of them start flows")


def test_bitbucket_shortens_commits_and_the_branch_is_checked_instead() -> None:
    sender = BitbucketStandIn(digits=12)

    said = said_by(sender, sender.pull_request(forges.OPENED, 7, Head()))

    assert isinstance(said, Ignored)
    assert "the push of its branch feature is what is checked" in said.reason


def test_gitlab_s_signature_counts_where_there_is_one_and_not_its_token() -> None:
    message = SigningGitLabStandIn().push("refs/heads/main", forges.BEFORE, forges.SHA)
    with pytest.raises(WebhookError, match="the signature is wrong"):
        verified(
            SigningGitLabStandIn(),
            message,
            SECRET,
            **{"webhook-signature": "v1,AAAA", "x-gitlab-token": SECRET},
        )


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_of_gitlab_is_good_for_five_minutes(minutes: int) -> None:
    sender = SigningGitLabStandIn(now=NOW + timedelta(minutes=minutes))

    with pytest.raises(WebhookError, match="signed at another time"):
        verified(sender, sender.push("refs/heads/x", forges.BEFORE, forges.SHA), SECRET)


@pytest.mark.parametrize("moment", ["", "x", "-1", "9" * 400, "²"])
def test_a_signed_time_that_is_none_is_401(moment: str) -> None:
    sender = SigningGitLabStandIn()
    message = sender.push("refs/heads/x", forges.BEFORE, forges.SHA)

    with pytest.raises(WebhookError) as refused:
        verified(sender, message, SECRET, **{"webhook-timestamp": moment})
    assert refused.value.status == 401
