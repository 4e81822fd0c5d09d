"""Plain git, which has no webhook of its own: its hooks send GitHub's.

So do the stand-ins of forges that Penstock does not know. A repository of plain git may keep the
merge commit of a pull request where GitHub does, and need not.
"""

from typing import ClassVar

from build_service.adapters.forges.github import GitHubWebhook
from build_service.domain.delivery import MergeRefs


class PlainGitWebhook(GitHubWebhook):
    """The webhook of repositories that are on no known forge."""

    merges: ClassVar[MergeRefs] = MergeRefs("refs/pull/{number}/merge")
