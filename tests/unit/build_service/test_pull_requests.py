"""Pull requests: one flow for each, of its newest commit, until it is over."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from build_service import bootstrap
from build_service.domain import build
from build_service.domain.build import Build, BuildState
from build_service.domain.delivery import Ignored
from build_service.handlers import webhook
from build_service.use_cases.receive_push import Received
from build_service.use_cases.starting import Cancelled, Held, ReceivedPush
from build_service.use_cases.stop_build import StopBuild
from penstock_shared.contracts.change import Base, Forge
from penstock_shared.contracts.commands import RunFlow
from penstock_shared.contracts.events import (
    BuildRequested,
    FlowAborted,
    FlowSuperseded,
)
from penstock_shared.contracts.registration import Allowance, Forks
from penstock_shared.contracts.registry import RemoveRepository, ShowPullRequest, ShowRepository
from penstock_shared.decisions import Result, Write
from penstock_shared.identifiers import retry_id_for, run_id_for
from penstock_shared.testing.fakes import RecordingPublisher
from tests.support import forges
from tests.support.builders import a_cause, an_event
from tests.support.forges import NEWER, SHA, Head, StandIn, sent
from tests.support.forges.github import GitHubStandIn
from tests.support.forges.gitlab import GitLabStandIn
from tests.unit.build_service.registered import SECRET, SHOP, FakeEntrance, a_registry

OWN = Head()
FORK = Head(fork="mallory/shop")
LATER = "2026-01-02T03:05:00Z"


class Shop:
    """acme/shop with an open webhook: what its forge delivers, and what it starts."""

    def __init__(self, sender: StandIn | None = None, **allowance: Any) -> None:
        self.sender = sender or GitHubStandIn()
        self.registry = a_registry(forge=self.sender.forge, allowance=Allowance(**allowance))
        self.entrance = FakeEntrance(self.registry)
        self.records = self.entrance.records
        (known,) = self.registry.ask(
            ShowRepository(full_name="acme/shop", forge=self.sender.forge)
        ).repositories
        self.id = known.id

    def hear(self, what: str, head: Head = OWN, message: str = "Change") -> Received:
        """Deliver what happened to pull request 7."""
        told = self.sender.pull_request(what, 7, head, message)
        recorded = sent(self.sender, SECRET, told)
        (received,) = self.entrance.receive(self.id, recorded.body, recorded.headers)
        return received

    def started(self, what: str, head: Head = OWN) -> str:
        """The flow that this starts."""
        received = self.hear(what, head)
        assert isinstance(received, ReceivedPush), received
        assert received.started
        return received.flow_id

    def push(self, ref: str, message: str = "Change") -> Received:
        recorded = sent(self.sender, SECRET, self.sender.push(ref, "0" * 40, SHA, message))
        (received,) = self.entrance.receive(self.id, recorded.body, recorded.headers)
        return received

    def approve(self, sha: str = SHA, number: int = 7) -> str:
        """A person asks for the flow of a pull request at a commit."""
        ref = "refs/heads/feature"
        flow_id = run_id_for(self.sender.forge, "acme/shop", ref, sha, "r")
        self.entrance.start(
            RunFlow(
                flow_id=flow_id,
                forge=self.sender.forge,
                repository="acme/shop",
                ref=ref,
                sha=sha,
                request="r",
                pull_request=number,
                by="grace",
            )
        )
        return flow_id

    def waiting(self) -> list[tuple[int, str, str]]:
        """The pull requests that are shown to wait."""
        answer = self.registry.ask(ShowRepository(full_name="acme/shop"))
        return [(one.number, one.fork, one.waits) for one in answer.pull_requests]

    def state(self, flow_id: str) -> BuildState:
        known = self.records.get(flow_id)
        assert known
        return known.state

    @property
    def publisher(self) -> RecordingPublisher:
        assert isinstance(self.records.publisher, RecordingPublisher)
        return self.records.publisher

    def ended(self, kind: type[FlowAborted | FlowSuperseded]) -> list[tuple[str, str]]:
        """The flows that were stopped in this way, and why."""
        return [
            (event.subject, event.data.reason)
            for event in self.publisher.said
            if isinstance(event.data, kind)
        ]

    def requested(self) -> list[BuildRequested]:
        return self.publisher.only(BuildRequested)


def test_an_opened_pull_request_starts_a_flow_that_knows_where_it_goes() -> None:
    shop = Shop()
    shop.started(forges.OPENED)

    (requested,) = shop.requested()
    change = requested.change
    assert (change.pull_request, change.sha, change.fork) == (7, SHA, "")
    assert change.base == Base(ref="refs/heads/main", sha=forges.BASE)
    assert (change.ref, change.message) == ("refs/heads/feature", "Sell more")


def test_a_repeated_delivery_is_the_same_flow() -> None:
    shop = Shop()
    flow_id = shop.started(forges.OPENED)

    assert shop.hear(forges.OPENED) == ReceivedPush(flow_id, started=False)
    assert len(shop.requested()) == 1


def test_a_push_to_it_supersedes_the_flow_of_the_commit_before() -> None:
    shop = Shop()
    first = shop.started(forges.OPENED)
    second = shop.started(forges.PUSHED, Head(sha=NEWER, at=LATER))

    assert second != first
    assert shop.state(first) is BuildState.STOPPED
    assert shop.ended(FlowSuperseded) == [(first, f"flow {second} checks pull request 7 instead")]


def test_a_flow_whose_gates_run_is_superseded_too() -> None:
    shop = Shop()
    first = shop.started(forges.OPENED)
    completed(shop, first)

    shop.started(forges.PUSHED, Head(sha=NEWER, at=LATER))

    assert [flow for flow, _ in shop.ended(FlowSuperseded)] == [first]


def completed(shop: Shop, flow_id: str) -> None:
    def complete(known: Build | None) -> Write[Build]:
        assert known
        return Write(known.finished(BuildState.COMPLETED))

    shop.records.change(flow_id, a_cause(flow_id), complete)


@pytest.mark.parametrize(
    ("what", "reason"),
    [(forges.CLOSED, "pull request 7 was closed"), (forges.MERGED, "pull request 7 was merged")],
)
def test_the_end_of_a_pull_request_ends_its_flow(what: str, reason: str) -> None:
    shop = Shop()
    flow_id = shop.started(forges.OPENED)

    assert shop.hear(what, Head(at=LATER)) == Cancelled(reason, flow_id)

    assert shop.state(flow_id) is BuildState.STOPPED
    assert shop.ended(FlowAborted) == [(flow_id, reason)]
    assert shop.publisher.only(FlowAborted)[0].by == "grace"


def test_the_end_ends_a_later_attempt_too() -> None:
    shop = Shop()
    flow_id = shop.started(forges.OPENED)
    failed(shop, flow_id)
    shop.entrance.start(RunFlow(flow_id=flow_id, attempt=2))

    shop.hear(forges.CLOSED, Head(at=LATER))

    again = retry_id_for(flow_id, 2)
    assert [flow for flow, _ in shop.ended(FlowAborted)] == [again]


def failed(shop: Shop, flow_id: str) -> None:
    def fail(known: Build | None) -> Write[Build]:
        assert known
        return build.fail(known, "a gate")

    shop.records.change(flow_id, a_cause(flow_id), fail)


def test_a_repeated_end_completes_what_a_killed_process_left() -> None:
    shop = Shop()
    flow_id = shop.started(forges.OPENED)
    shop.publisher.fails = OSError("killed")
    with pytest.raises(OSError, match="killed"):
        shop.hear(forges.CLOSED, Head(at=LATER))
    shop.publisher.fails = None

    shop.hear(forges.CLOSED, Head(at=LATER))

    assert [flow for flow, _ in shop.ended(FlowAborted)] == [flow_id]


def test_an_end_that_comes_before_the_beginning_starts_nothing() -> None:
    shop = Shop()
    shop.hear(forges.CLOSED, Head(at=LATER))

    late = shop.hear(forges.OPENED)

    assert late == Ignored("a newer delivery of pull request 7 came before this one")
    assert shop.requested() == []


def test_an_older_push_that_comes_late_changes_nothing() -> None:
    shop = Shop()
    newer = shop.started(forges.PUSHED, Head(sha=NEWER, at=LATER))

    assert isinstance(shop.hear(forges.OPENED), Ignored)
    assert shop.state(newer) is BuildState.REQUESTED


def test_a_reopened_one_flows_again() -> None:
    shop = Shop()
    first = shop.started(forges.OPENED)
    shop.hear(forges.CLOSED, Head(at=LATER))

    assert shop.started(forges.REOPENED, Head(at="2026-01-02T03:06:00Z")) != first


def test_one_that_goes_to_another_branch_flows_again() -> None:
    shop = Shop()
    first = shop.started(forges.OPENED)

    second = shop.started(forges.REBASED, Head(base="next", at=LATER))

    assert [flow for flow, _ in shop.ended(FlowSuperseded)] == [first]
    assert shop.requested()[-1].change.base == Base(ref="refs/heads/next", sha=forges.BASE)
    assert second != first


def test_a_draft_waits_until_it_is_ready() -> None:
    shop = Shop()

    assert shop.hear(forges.OPENED, Head(draft=True)) == Held("pull request 7 waits: it is a draft")
    assert shop.waiting() == [(7, "", "it is a draft")]
    shop.started(forges.READY, Head(at=LATER))
    assert shop.waiting() == []


def test_one_that_becomes_a_draft_ends_its_flow() -> None:
    shop = Shop()
    flow_id = shop.started(forges.OPENED)

    assert isinstance(shop.hear(forges.DRAFTED, Head(draft=True, at=LATER)), Held)

    assert [flow for flow, _ in shop.ended(FlowAborted)] == [flow_id]


def test_a_fork_waits_for_a_person_and_is_shown() -> None:
    shop = Shop()

    held = shop.hear(forges.OPENED, FORK)

    assert isinstance(held, Held)
    assert "it is from mallory/shop" in held.reason
    assert "penstock run --pull-request 7" in held.reason
    assert shop.waiting() == [(7, "mallory/shop", "it is from a fork")]
    assert shop.requested() == []


def test_a_person_starts_the_flow_of_a_fork() -> None:
    shop = Shop()
    shop.hear(forges.OPENED, FORK)

    flow_id = shop.approve()

    (requested,) = shop.requested()
    assert requested.change.fork == "mallory/shop"
    assert requested.change.delivery_id == ""
    assert shop.state(flow_id) is BuildState.REQUESTED
    assert shop.waiting() == []


def test_every_push_to_a_fork_waits_again_and_ends_the_flow_before() -> None:
    shop = Shop()
    shop.hear(forges.OPENED, FORK)
    flow_id = shop.approve()

    held = shop.hear(forges.PUSHED, Head(fork="mallory/shop", sha=NEWER, at=LATER))

    assert isinstance(held, Held)
    assert [flow for flow, _ in shop.ended(FlowSuperseded)] == [flow_id]


def test_only_the_commit_that_was_looked_at_is_run() -> None:
    """The attack: push something else between the look and the approval."""
    shop = Shop()
    shop.hear(forges.OPENED, FORK)
    shop.hear(forges.PUSHED, Head(fork="mallory/shop", sha=NEWER, at=LATER))

    flow_id = shop.approve(SHA)

    known = shop.records.get(flow_id)
    assert known
    assert known.state is BuildState.FAILED
    assert "is at dddddddddddd and no longer at aaaaaaaaaaaa" in known.reason


@pytest.mark.parametrize(
    ("number", "reason"), [(7, "pull request 7 is closed"), (8, "there is no pull request 8")]
)
def test_what_is_not_open_is_not_run(number: int, reason: str) -> None:
    shop = Shop()
    shop.hear(forges.CLOSED, FORK)

    known = shop.records.get(shop.approve(number=number))

    assert known
    assert reason in known.reason


def test_a_flow_that_was_asked_for_ends_with_its_pull_request() -> None:
    shop = Shop()
    shop.hear(forges.OPENED, FORK)
    flow_id = shop.approve()

    shop.hear(forges.CLOSED, Head(fork="mallory/shop", at=LATER))

    assert [flow for flow, _ in shop.ended(FlowAborted)] == [flow_id]


def test_a_repository_may_ignore_forks() -> None:
    shop = Shop(forks=Forks.IGNORE)

    assert isinstance(shop.hear(forges.OPENED, FORK), Ignored)
    assert isinstance(shop.hear(forges.OPENED), ReceivedPush)


def test_a_repository_may_run_forks() -> None:
    shop = Shop(forks=Forks.RUN)

    shop.started(forges.OPENED, FORK)

    assert shop.requested()[0].change.fork == "mallory/shop"


def test_a_pull_request_can_be_asked_for() -> None:
    shop = Shop()
    flow_id = shop.started(forges.OPENED)

    (known,) = shop.registry.ask(ShowPullRequest(full_name="acme/shop", number=7)).pull_requests

    assert (known.flow_id, known.title, known.base) == (flow_id, "Sell more", "refs/heads/main")


@pytest.mark.parametrize("said", ["[skip ci]", "[CI skip]", "x [skip penstock]\n\ny"])
def test_a_commit_may_ask_for_no_flow(said: str) -> None:
    shop, gitlab = Shop(), Shop(GitLabStandIn())

    for received in (shop.push("refs/heads/x", said), gitlab.hear(forges.OPENED, message=said)):
        assert isinstance(received, Ignored)
        assert "the message of commit aaaaaaaaaaaa says [" in received.reason


def test_a_tag_flows_whatever_its_message_says_if_it_is_protected() -> None:
    shop = Shop(protected=("refs/heads/main", "refs/tags/v*"))

    assert isinstance(shop.push("refs/tags/v1", "[skip ci]"), ReceivedPush)
    other = shop.push("refs/tags/nightly")
    assert isinstance(other, Ignored)
    assert "refs/tags/nightly is a tag, and no protected ref" in other.reason


def test_a_removed_repository_hears_nothing() -> None:
    shop = Shop()
    shop.registry.ask(RemoveRepository(full_name="acme/shop"))
    shop.entrance = FakeEntrance(shop.registry)

    with pytest.raises(Exception, match="no repository has this webhook address"):
        shop.hear(forges.OPENED)


def test_a_flow_that_ended_by_itself_is_not_ended_again() -> None:
    shop = Shop()
    flow_id = shop.started(forges.OPENED)
    failed(shop, flow_id)

    shop.hear(forges.CLOSED, Head(at=LATER))

    assert shop.ended(FlowAborted) == []
    assert shop.state(flow_id) is BuildState.FAILED


def test_a_stop_that_comes_back_by_its_own_queue_changes_nothing() -> None:
    shop = Shop()
    flow_id = shop.started(forges.OPENED)
    shop.hear(forges.CLOSED, Head(at=LATER))

    outcome = StopBuild(shop.records)(
        an_event(FlowAborted(reason="closed"), flow_id), a_cause(flow_id)
    )

    assert outcome.result is Result.ALREADY_DONE


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The answer of the real handler to a delivery."""
    shop = Shop()
    given = {"receive_push": lambda: shop.entrance.receive}
    monkeypatch.setattr(webhook, "bootstrap", SimpleNamespace(**vars(bootstrap) | given))

    def deliver(what: str, head: Head) -> Any:
        recorded = sent(shop.sender, SECRET, shop.sender.pull_request(what, 7, head))
        event = {
            "headers": recorded.headers,
            "body": recorded.body.decode(),
            "pathParameters": {"repository": SHOP},
        }
        answered = webhook.handler(event, None)
        assert answered["statusCode"] == 202
        return json.loads(answered["body"])

    return deliver


def test_the_webhook_answers_with_what_became_of_the_pull_request(
    answer: Callable[..., Any],
) -> None:
    assert answer(forges.OPENED, FORK)["status"] == "waiting"
    assert answer(forges.LABELLED, FORK)["status"] == "ignored"
    closed = answer(forges.CLOSED, Head(fork="mallory/shop", at=LATER))
    assert closed == {"status": "closed", "reason": "it had no flow"}


def test_two_forges_with_one_name_have_two_pull_requests() -> None:
    github, gitlab = Shop(), Shop(GitLabStandIn())

    assert github.started(forges.OPENED) != gitlab.started(forges.OPENED)
    assert gitlab.requested()[0].change.forge is Forge.GITLAB
