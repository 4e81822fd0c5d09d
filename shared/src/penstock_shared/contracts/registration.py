"""A registered repository: where changes come from, and what they may do."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.model import Contract, Moment, Seconds
from penstock_shared.contracts.plan import JOBS_AT_ONCE
from penstock_shared.globs import glob_matcher
from penstock_shared.identifiers import digest_of

_ID_DIGITS = 20
_MOST_PATTERNS = 50


def repository_id(forge: str, full_name: str) -> str:
    """The id of a repository: 20 hex digits. Registered again, it has the same webhook address."""
    return digest_of("repository", forge, full_name)[:_ID_DIGITS]


_NAME = r"[\w.-]*[\w-][\w.-]*"
"""One part of a full name: never only dots, which lead elsewhere in a path."""
FullName = Annotated[str, Field(max_length=200, pattern=rf"^{_NAME}(/{_NAME})*$")]
Pattern = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[\x21-\x7e]+$")]
RefPattern = Annotated[Pattern, Field(pattern=r"^refs/[\x21-\x7e]+$")]
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=_MOST_PATTERNS)]
RefPatterns = Annotated[tuple[RefPattern, ...], Field(max_length=_MOST_PATTERNS)]
DeployPrefix = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,50}$")]
JobsAtOnce = Annotated[int, Field(ge=1, le=1_000)]
RepositoryId = Annotated[str, Field(pattern=r"^[0-9a-f]{20}$")]


class CredentialKind(StrEnum):
    """With what a repository's source is fetched."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105  # a kind, not a token
    """A user name and a token over https."""


class Forks(StrEnum):
    """What a pull request from another repository starts."""

    IGNORE = "ignore"
    APPROVE = "approve"
    """A flow of its newest commit, once a person asks for it."""
    RUN = "run"


class Allowance(Contract):
    """What a repository may do. Its `penstock.yml` may narrow this, and never widen it.

    Flows of refs that match none of `protected` never release. Patterns are those of
    `penstock_shared.globs`. `least_bake` is in seconds. An empty `deploy_prefix` allows any name.
    `jobs_at_once` is the most jobs of one flow that wait for a runner or run.
    """

    protected: RefPatterns = ("refs/heads/main", "refs/heads/master")
    least_bake: Seconds = 0
    environments: Patterns = ("*",)
    deploy_prefix: DeployPrefix = ""
    jobs_at_once: JobsAtOnce = JOBS_AT_ONCE
    forks: Forks = Forks.APPROVE

    def protects(self, ref: str) -> bool:
        """Whether flows of this ref may release."""
        return _matches(self.protected, ref)

    def reaches(self, environment: str) -> bool:
        """Whether the repository may deploy to an environment of this name."""
        return _matches(self.environments, environment)


def _matches(patterns: tuple[str, ...], name: str) -> bool:
    return any(glob_matcher(pattern)(name) for pattern in patterns)


class RegisteredRepository(Contract):
    """A registered source of changes, without its secrets.

    Its webhook's address ends in `/webhook/<id>`. `read_with` is the kind of the credential that
    its source is fetched with. With `answers` its forge, whose API is at `api_url`, is told what
    becomes of its changes.
    """

    id: RepositoryId
    forge: Forge
    full_name: FullName
    clone_url: str
    read_with: CredentialKind = CredentialKind.NONE
    allowance: Allowance = Allowance()
    answers: bool = False
    api_url: str = ""
    registered_at: Moment
    changed_at: Moment
