"""Which tests run in one worker, and in which order: https://pytest-xdist.readthedocs.io.

xdist's own groups, marked with `xdist_group`, have no effect since pytest 9.2: xdist 3.8 appends
them to node ids, which can no longer be changed. So the schedule is made from node ids alone.
"""

from xdist.scheduler import LoadScopeScheduling

GROUPS = {
    "tests/e2e/test_iam.py": "a stack with IAM",
    "tests/e2e/test_failure_stories.py": "a stack that breaks",
    "tests/e2e/test_kills.py": "a stack that breaks",
    "tests/e2e/": "a stack",
    "tests/infrastructure/": "the packages",
}
"""The first beginning of a node id that fits names its group. Any other file is a group."""
LONGEST = ("tests/e2e/", "tests/integration/", "tests/infrastructure/", "tests/security/")
"""What starts first, so that no worker is alone with it at the end."""


def group_of(nodeid: str) -> str:
    """What the test shares with others. One worker runs all tests of a group."""
    named = (group for beginning, group in GROUPS.items() if nodeid.startswith(beginning))
    return next(named, nodeid.partition("::")[0])


def rank_of(nodeid: str) -> int:
    """The place of the test's folder among those that take long; small is early."""
    ranks = (rank for rank, folder in enumerate(LONGEST) if nodeid.startswith(folder))
    return next(ranks, len(LONGEST))


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives each group to one worker, in the order in which tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
