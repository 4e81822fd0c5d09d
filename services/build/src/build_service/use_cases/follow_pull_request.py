"""A pull request was opened, pushed to or closed: start its flow, hold it back, or end it."""

from collections.abc import Callable
from dataclasses import dataclass

from build_service.domain import pull_request
from build_service.domain.delivery import Ignored, PullRequested
from build_service.domain.pull_request import (
    AN_APPROVAL,
    PullRequest,
    PullRequestState,
    pull_request_key,
)
from build_service.domain.skipping import why_skipped
from build_service.use_cases.starting import Cancelled, Held, ReceivedPush, Starting, received
from penstock_shared.contracts.change import Change
from penstock_shared.contracts.events import FlowAborted, FlowStopped, FlowSuperseded
from penstock_shared.contracts.registration import Forks
from penstock_shared.decisions import Cause, Decision, Outcome, Result
from penstock_shared.persistence.outbox import Records


@dataclass(frozen=True)
class FollowPullRequest:
    """Keeps one flow for each open pull request, of its newest commit.

    The pull request's record is written first. Then the flow that it replaces is ended, and its
    own is started. Both have their effect once, so a delivery that is repeated completes what a
    killed process has left.
    """

    pull_requests: Records[PullRequest]
    starting: Starting

    def __call__(
        self, said: PullRequested, change: Change, forks: Forks
    ) -> ReceivedPush | Held | Cancelled | Ignored:
        """Act on a delivery. `change` is the pull request's head."""
        if reason := _why_ignored(said, forks):
            return Ignored(reason)
        outcome = self._change(change, lambda known: pull_request.hear(known, said, change, forks))
        one = outcome.record
        if one is None or outcome.result is Result.STALE:
            return Ignored(outcome.reason)
        self._end_replaced(one, said.by)
        return self._act_on(one)

    def approve(self, change: Change, flow_id: str, by: str) -> Outcome[PullRequest]:
        """A person asks for a flow of the pull request, at the commit of `change`.

        The flow that it replaces is ended; whoever calls starts its own, of the record's change.
        """
        number, sha = change.pull_request or 0, change.sha
        outcome = self._change(
            change, lambda known: pull_request.approve(known, flow_id, sha, number)
        )
        if outcome.record and outcome.result is not Result.STALE:
            self._end_replaced(outcome.record, by)
        return outcome

    def _change(
        self,
        change: Change,
        decide: Callable[[PullRequest | None], Decision[PullRequest]],
    ) -> Outcome[PullRequest]:
        key = pull_request_key(change.forge, change.repository, change.pull_request or 0)
        # The record publishes nothing, so no event carries this cause.
        return self.pull_requests.change(key, Cause(key, ""), decide)

    def _end_replaced(self, one: PullRequest, by: str) -> None:
        if one.replaced:
            self.starting.end(one.replaced, _stopped(one, by))

    def _act_on(self, one: PullRequest) -> ReceivedPush | Held | Cancelled:
        if one.state is PullRequestState.CHECKED:
            return received(one.flow_id, self.starting.start(one.flow_id, one.change))
        if one.state is PullRequestState.CLOSED:
            return Cancelled(one.because or "it had no flow", one.replaced)
        return Held(_why_held(one))


def _why_ignored(said: PullRequested, forks: Forks) -> str:
    if said.news.is_over:
        return ""
    if said.fork and forks is Forks.IGNORE:
        return (
            f"pull request {said.number} is from {said.fork}: the registration ignores forks; "
            "`penstock repo set --forks approve` lets a person start their flows"
        )
    return why_skipped(said.sha, said.message)


def _stopped(one: PullRequest, by: str) -> FlowStopped:
    kind = FlowSuperseded if one.supersedes else FlowAborted
    return kind(reason=one.because, by=by)


def _why_held(one: PullRequest) -> str:
    if one.waits != AN_APPROVAL:
        return f"pull request {one.number} waits: {one.waits}"
    sha = one.change.sha[:12]
    return (
        f"pull request {one.number} waits: it is from {one.change.fork}. Look at commit {sha}; "
        f"`penstock run --pull-request {one.number} --at {sha} --repository "
        f"{one.change.repository}` starts its flow"
    )
