"""The record of a pull request: its newest commit, and the flow that checks it.

Deliveries arrive in any order and more than once. Each carries the forge's time of what it tells,
and what is older than what is known changes nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from build_service.domain.delivery import PullRequested, PullRequestNews
from penstock_shared.contracts.change import Change, Forge
from penstock_shared.contracts.registration import Forks
from penstock_shared.contracts.registry import KnownPullRequest
from penstock_shared.decisions import Decision, Record, Write, already_done, stale
from penstock_shared.identifiers import flow_id_for

LISTED_AS = "pull-request"
"""The name under which the table's index lists the pull requests that wait."""
A_DRAFT = "it is a draft"
AN_APPROVAL = "it is from a fork"


class PullRequestState(StrEnum):
    """Where a pull request stands. All of it may be undone: a closed one is reopened."""

    CHECKED = "checked"
    WAITING = "waiting"
    CLOSED = "closed"


_ANY = frozenset(PullRequestState)


class PullRequest(Record):
    """One pull request. `change` is its newest one.

    `flow_id` is the flow that checks it, empty if there is none; `flows` counts those that there
    were. `replaced` is the flow that this state has ended, if there was one, and `because` why.
    `waits` says for what a waiting one waits. `moment` is the forge's time of the newest delivery.
    """

    transitions: ClassVar[Mapping[PullRequestState, frozenset[PullRequestState]]] = dict.fromkeys(
        PullRequestState, _ANY
    )

    state: PullRequestState
    change: Change
    title: str = ""
    flow_id: str = ""
    flows: int = 0
    replaced: str = ""
    because: str = ""
    waits: str = ""
    moment: datetime

    @property
    def is_listed(self) -> bool:
        """Only those that wait are listed."""
        return self.state is PullRequestState.WAITING

    @property
    def supersedes(self) -> bool:
        """Whether the flow that was replaced has a newer one in its place, or will have one."""
        return self.state is PullRequestState.CHECKED or self.waits == AN_APPROVAL

    @property
    def number(self) -> int:
        """Its number in the repository."""
        return self.change.pull_request or 0


def pull_request_key(forge: Forge, repository: str, number: int) -> str:
    """The key of a pull request's record."""
    return f"{pull_requests_of(forge, repository)}{number}"


def pull_requests_of(forge: Forge, repository: str) -> str:
    """What the keys of a repository's pull requests begin with."""
    return f"pull-request#{forge}/{repository}#"


def hear(
    known: PullRequest | None, said: PullRequested, change: Change, forks: Forks
) -> Decision[PullRequest]:
    """A delivery tells of the pull request, whose head is `change`."""
    if known and said.moment < known.moment:
        return stale(f"a newer delivery of pull request {said.number} came before this one")
    if said.news.is_over:
        return _close(known, said, change)
    if said.news is PullRequestNews.DRAFT:
        return _wait(known, said, change, A_DRAFT)
    if _is_checked(known, change):
        return already_done(f"pull request {said.number} is checked at {change.sha[:12]} already")
    if change.fork and forks is not Forks.RUN:
        return _wait(known, said, change, AN_APPROVAL)
    return Write(_with_flow(_now(known, said, change), _next_flow(known, change)))


def approve(
    known: PullRequest | None, flow_id: str, sha: str, number: int
) -> Decision[PullRequest]:
    """A person asks for a flow of the pull request at the commit `sha`, under this id."""
    if known is None:
        return stale(unknown(number))
    if known.state is PullRequestState.CLOSED:
        return stale(f"pull request {number} is closed")
    if known.change.sha != sha:
        return stale(
            f"pull request {number} is at {known.change.sha[:12]} and no longer at {sha[:12]}: "
            "look at what has changed, and ask again"
        )
    if known.flow_id == flow_id:
        return already_done(f"pull request {number} has this flow already")
    return Write(_with_flow(known, flow_id))


def unknown(number: int) -> str:
    """Why nothing is known of a pull request."""
    return (
        f"there is no pull request {number}, or it was neither opened nor pushed to since the "
        "webhook sends pull requests"
    )


def summary_of(one: PullRequest) -> KnownPullRequest:
    """The pull request, for people."""
    change = one.change
    return KnownPullRequest(
        number=one.number,
        title=one.title,
        author=change.author,
        ref=change.ref,
        sha=change.sha,
        fork=change.fork,
        base=change.base.ref if change.base else "",
        waits=one.waits,
        is_closed=one.state is PullRequestState.CLOSED,
        flow_id=one.flow_id,
    )


def _is_checked(known: PullRequest | None, change: Change) -> bool:
    if known is None or known.state is not PullRequestState.CHECKED:
        return False
    return _checked_of(known.change) == _checked_of(change)


def _checked_of(change: Change) -> tuple[str, str]:
    """What a check is of: the head, and the branch that it would be merged into."""
    return change.sha, change.base.ref if change.base else ""


def _now(known: PullRequest | None, said: PullRequested, change: Change) -> PullRequest:
    """The pull request as it is now, with the flow that it had."""
    return PullRequest(
        state=PullRequestState.CHECKED,
        change=change,
        title=said.title,
        flow_id=known.flow_id if known else "",
        flows=known.flows if known else 0,
        replaced=known.replaced if known else "",
        because=known.because if known else "",
        moment=said.moment,
    )


def _next_flow(known: PullRequest | None, change: Change) -> str:
    number = (known.flows if known else 0) + 1
    base = change.base.ref if change.base else ""
    ref = f"pull-request/{change.pull_request}"
    return flow_id_for(change.forge, change.repository, ref, base, change.sha, number)


def _with_flow(one: PullRequest, flow_id: str) -> PullRequest:
    update = {
        "state": PullRequestState.CHECKED,
        "flow_id": flow_id,
        "flows": one.flows + 1,
        "waits": "",
        **_ended(one, f"flow {flow_id} checks pull request {one.number} instead"),
    }
    return one.model_copy(update=update)


def _ended(one: PullRequest, because: str) -> dict[str, str]:
    """The flow that the pull request had is ended. Without one, the flow before is named again:
    whoever wrote the state before may have been killed before it ended that.
    """
    return {"replaced": one.flow_id, "because": because} if one.flow_id else {}


def _wait(
    known: PullRequest | None, said: PullRequested, change: Change, waits: str
) -> Decision[PullRequest]:
    now = _now(known, said, change)
    update = {
        "state": PullRequestState.WAITING,
        "waits": waits,
        "flow_id": "",
        **_ended(now, f"pull request {said.number} is at {change.sha[:12]} now, and {waits}"),
    }
    return Write(now.model_copy(update=update))


def _close(known: PullRequest | None, said: PullRequested, change: Change) -> Decision[PullRequest]:
    if known and known.state is PullRequestState.CLOSED:
        return already_done(f"pull request {said.number} is closed")
    now = _now(known, said, change)
    because = f"pull request {said.number} was {said.news}"
    update = {"state": PullRequestState.CLOSED, "flow_id": "", **_ended(now, because)}
    return Write(now.model_copy(update=update))
