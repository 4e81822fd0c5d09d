"""Whether a protected ref is still at the commit of a change.

A delivery is signed, but not dated: it can be sent again long after its ref has gone on, and
whoever has the secret can name any commit that the server hands out. What has the highest trust
must be the ref's own.
"""

from datetime import timedelta

from build_service.domain.errors import OvertakenError, SourceError
from build_service.domain.source import SourceTree
from penstock_shared.contracts.change import Change, Trust

LATELY = timedelta(hours=1)
"""How long after a ref has gone on its commits may flow, because pushes can come quickly after each
other. The moment is the date of the next commit."""


def check_standing(change: Change, trust: Trust, tree: SourceTree) -> None:
    """Refuse a change of a protected ref that is no longer, or never was, at its commit.

    A person may ask for any commit of the ref's history. Raises OvertakenError, or SourceError for
    what a person asked for; and the errors of fetching.
    """
    if trust is not Trust.RELEASE or change.sha == tree.head:
        return
    branch, sha = change.branch, change.sha[:12]
    now = f"{branch} is at {tree.head[:12]} now" if tree.head else f"{branch} is gone"
    if change.although_behind:
        if not tree.held(None):
            raise SourceError(
                f"{now}, and commit {sha} is not in its history: a protected branch runs no others"
            )
    elif not tree.held(change.pushed_at - LATELY):
        raise OvertakenError(
            f"{now}, and no longer at {sha}; `penstock run {branch} --commit {change.sha}` runs an "
            "older commit of it"
        )
