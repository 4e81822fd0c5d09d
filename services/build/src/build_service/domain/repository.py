"""The record of a repository: which flow planned the head of each branch that releases.

Webhooks arrive in any order, and each knows only its own commit. The server that a change is
fetched from knows the head of the branch, and the head wins.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from penstock_shared.contracts.change import Change, Forge
from penstock_shared.decisions import Decision, Record, Write, already_done, stale

MOST_BRANCHES = 100
"""The most branches to remember. Those that were idle for longest are forgotten."""
_NEXT = timedelta(milliseconds=1)


class RepositoryState(StrEnum):
    """A repository is never done."""

    KNOWN = "known"


class PlannedHead(BaseModel):
    """The newest commit of a branch that was planned while it was the head.

    `newest` is the latest moment by which environments order any flow of the branch.
    """

    model_config = ConfigDict(frozen=True)

    sha: str = ""
    flow_id: str = ""
    newest: datetime


class Repository(Record):
    """One repository, and its branches by their full ref."""

    transitions: ClassVar[Mapping[RepositoryState, frozenset[RepositoryState]]] = {
        RepositoryState.KNOWN: frozenset({RepositoryState.KNOWN})
    }

    state: RepositoryState = RepositoryState.KNOWN
    heads: dict[str, PlannedHead] = {}


def repository_key(forge: Forge, name: str) -> str:
    """The key of a repository's record."""
    return f"repository#{forge}/{name}"


def plan_flow(
    known: Repository | None, flow_id: str, change: Change, head: str
) -> Decision[Repository]:
    """A flow of the branch has its plan, and the branch was at `head` when it was fetched.

    A head is ordered after all flows of its branch that were planned before it. A commit that is no
    longer the head is refused as stale if the head's flow is planned already, unless a person asked
    for it. Without a head (the branch is gone) the order of arrival counts.
    """
    repository = known or Repository()
    before = repository.heads.get(change.ref)
    is_behind = change.sha != head and not change.although_behind
    if is_behind and before and head and before.sha == head:
        branch, newer = change.branch, before
        return stale(
            f"{branch} is at {newer.sha[:12]} and no longer at {change.sha[:12]}: "
            f"flow {newer.flow_id} is ahead"
        )
    if before and before.flow_id == flow_id:
        return already_done("the flow is planned")
    return Write(_with_head(repository, change.ref, _after(before, flow_id, change, head)))


def _after(before: PlannedHead | None, flow_id: str, change: Change, head: str) -> PlannedHead:
    if head and change.sha != head:
        newest = max(change.pushed_at, before.newest) if before else change.pushed_at
        return (before or PlannedHead(newest=newest)).model_copy(update={"newest": newest})
    newest = max(change.pushed_at, before.newest + _NEXT) if before else change.pushed_at
    return PlannedHead(sha=change.sha, flow_id=flow_id, newest=newest)


def _with_head(repository: Repository, ref: str, head: PlannedHead) -> Repository:
    heads = {**repository.heads, ref: head}
    while len(heads) > MOST_BRANCHES:
        del heads[min(heads, key=lambda name: heads[name].newest)]
    return repository.model_copy(update={"heads": heads})


def order_of(repository: Repository | None, flow_id: str, change: Change) -> datetime:
    """The moment that orders a flow among those of its branch."""
    head = repository.heads.get(change.ref) if repository else None
    return head.newest if head and head.flow_id == flow_id else change.pushed_at


def was_put_back(repository: Repository | None, change: Change) -> bool:
    """Whether the branch's newest planned head is the commit that the push begins at."""
    head = repository.heads.get(change.ref) if repository else None
    return head is not None and head.sha == change.before
