"""What people ask of the registry of repositories, and its answers.

The function `repositories` of build takes one of `REQUESTS` as JSON, and returns a
`RegistryAnswer`. Both may hold secrets, so neither is logged.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from penstock_shared.contracts.answers import LONGEST_ADDRESS
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.model import Contract, Seconds, Sha, Text
from penstock_shared.contracts.registration import (
    Allowance,
    DeployPrefix,
    Forks,
    FullName,
    JobsAtOnce,
    Patterns,
    RefPatterns,
    RegisteredRepository,
)

OVERLAP = 24 * 3600
"""Seconds for which a replaced webhook secret stays valid, unless a request says otherwise."""


class ReadCredential(Contract):
    """A user name and a token that may read one repository over https."""

    user: str = Field(min_length=1, max_length=200, pattern=r"^[\x21-\x39\x3b-\x7e]+$")
    token: str = Field(min_length=1, max_length=4_000, pattern=r"^[\x21-\x7e]+$", repr=False)


class AddRepository(Contract):
    """Register a repository. The answer holds the webhook's secret, which is never shown again."""

    ask: Literal["add"] = "add"
    forge: Forge
    full_name: FullName
    clone_url: str = Field(min_length=1, max_length=2_000)
    allowance: Allowance = Allowance()
    credential: ReadCredential | None = None


class NamedRequest(Contract):
    """A request about one repository. The forge is needed only if two have one of this name."""

    full_name: str = Field(min_length=1, max_length=200)
    forge: Forge | None = None


class ShowRepository(NamedRequest):
    """Show one repository."""

    ask: Literal["show"] = "show"


class ShowPullRequest(NamedRequest):
    """Show one pull request of a repository."""

    ask: Literal["show-pull-request"] = "show-pull-request"
    number: int = Field(ge=1)


class SetRepository(NamedRequest):
    """Change a repository. What is None stays as it is."""

    ask: Literal["set"] = "set"
    clone_url: str | None = Field(default=None, min_length=1, max_length=2_000)
    protected: RefPatterns | None = None
    least_bake: Seconds | None = None
    environments: Patterns | None = None
    deploy_prefix: DeployPrefix | None = None
    jobs_at_once: JobsAtOnce | None = None
    forks: Forks | None = None
    credential: ReadCredential | None = None
    forget_credential: bool = False


class SetAnswers(NamedRequest):
    """Say whether the repository's forge is told what becomes of its changes.

    It is told with `token`, which may write there. Without one it is told nothing from now on, and
    the token that is stored is forgotten. `api_url` is that of the forge's API, by default the one
    that follows from the clone address. `page_url` is Penstock's page, which answers link to.
    """

    ask: Literal["set-answers"] = "set-answers"
    token: str | None = Field(
        default=None, min_length=1, max_length=4_000, pattern=r"^[\x21-\x7e]+$", repr=False
    )
    api_url: str | None = Field(default=None, min_length=1, max_length=LONGEST_ADDRESS)
    page_url: str = Field(default="", max_length=LONGEST_ADDRESS)


class RotateSecret(NamedRequest):
    """Replace the webhook's secret. The one before stays valid for `overlap` seconds.

    The answer holds the new secret, which is never shown again.
    """

    ask: Literal["rotate-secret"] = "rotate-secret"  # a request, not a secret
    overlap: int = Field(default=OVERLAP, ge=0, le=30 * 86400)


class RemoveRepository(NamedRequest):
    """Forget a repository and its secrets. Flows that run go on to their end."""

    ask: Literal["remove"] = "remove"


class ListRepositories(Contract):
    """List all repositories."""

    ask: Literal["list"] = "list"


class RefusalKind(StrEnum):
    """Why the registry refused a request."""

    UNKNOWN = "unknown"
    DUPLICATE = "duplicate"
    INVALID = "invalid"


class RegistryRefusal(Contract):
    """The reason, for people."""

    kind: RefusalKind
    reason: str


class KnownPullRequest(Contract):
    """A pull request as the newest delivery told it.

    `ref` and `sha` are its head's. `fork` is the repository that the head is in, empty for its own;
    `base` the branch that it goes to. `waits` says why it has no flow, and `is_closed` that it
    needs none; `flow_id` is its flow.
    """

    number: int = Field(ge=1)
    title: Text = ""
    author: Text = ""
    ref: str
    sha: Sha
    fork: str = ""
    base: str = ""
    waits: Text = ""
    is_closed: bool = False
    flow_id: str = ""


class RegistryAnswer(Contract):
    """The registry's answer: the repositories in question, or why the request was refused.

    `webhook_secret` is set when one was made. `pull_requests` is the one that was asked for, or of
    one repository those that wait.
    """

    repositories: tuple[RegisteredRepository, ...] = ()
    pull_requests: tuple[KnownPullRequest, ...] = ()
    webhook_secret: str = Field(default="", repr=False)
    refusal: RegistryRefusal | None = None


RegistryRequest = (
    AddRepository
    | ShowRepository
    | ShowPullRequest
    | SetRepository
    | SetAnswers
    | RotateSecret
    | RemoveRepository
    | ListRepositories
)
REQUESTS: TypeAdapter[RegistryRequest] = TypeAdapter(
    Annotated[RegistryRequest, Field(discriminator="ask")]
)
