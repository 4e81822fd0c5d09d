"""A registry in memory, with one repository in it."""

from dataclasses import dataclass, field
from typing import Any

from build_service.adapters.forges import FORGES
from build_service.domain.build import Build
from build_service.domain.pull_request import PullRequest
from build_service.domain.registration import Registration
from build_service.domain.repository import Repository
from build_service.domain.secrets import RepositorySecrets
from build_service.handlers.repositories import answer_to
from build_service.use_cases.follow_pull_request import FollowPullRequest
from build_service.use_cases.manage_repositories import ManageRepositories
from build_service.use_cases.receive_push import ReceivePush
from build_service.use_cases.registry import Registry
from build_service.use_cases.start_flow import StartFlow
from build_service.use_cases.starting import Starting
from penstock_shared.contracts.answers import WriteCredential
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.registration import RegisteredRepository, repository_id
from penstock_shared.contracts.registry import AddRepository, RegistryAnswer, RegistryRequest
from penstock_shared.persistence.outbox import Records
from penstock_shared.testing.fakes import FakeClock, fake_records

SECRET = "it's a secret"  # of these tests
SHOP = repository_id(Forge.GITHUB, "acme/shop")


@dataclass
class InMemorySecrets:
    """Secrets in a dictionary. It counts how often they are read."""

    known: dict[str, RepositorySecrets] = field(default_factory=dict)
    reads: int = 0

    def get(self, repository: str) -> RepositorySecrets | None:
        """The secrets of a repository, or None."""
        self.reads += 1
        return self.known.get(repository)

    def put(self, repository: str, secrets: RepositorySecrets) -> None:
        """Write the secrets of a repository."""
        self.known[repository] = secrets

    def delete(self, repository: str) -> None:
        """Delete the secrets of a repository."""
        self.known.pop(repository, None)


@dataclass
class InMemoryWriteCredentials:
    """What forges are told with, in a dictionary."""

    known: dict[str, WriteCredential] = field(default_factory=dict)

    def put(self, repository: str, credential: WriteCredential) -> None:
        """Write the credential of a repository."""
        self.known[repository] = credential

    def delete(self, repository: str) -> None:
        """Delete the credential of a repository."""
        self.known.pop(repository, None)


@dataclass
class FakeRegistry:
    """A registry whose clock moves only when it is advanced. Secrets are made from a list."""

    clock: FakeClock = field(default_factory=FakeClock)
    secrets: InMemorySecrets = field(default_factory=InMemorySecrets)
    write_credentials: InMemoryWriteCredentials = field(default_factory=InMemoryWriteCredentials)
    to_make: list[str] = field(default_factory=lambda: [SECRET, "new secret", "newer secret"])

    def __post_init__(self) -> None:
        self.records: Records[Registration] = fake_records(clock=self.clock)
        self.pull_requests: Records[PullRequest] = fake_records(clock=self.clock)
        self.manage = ManageRepositories(
            self.records,
            self.secrets,
            self.write_credentials,
            self.pull_requests,
            ("https", "file"),
            ("https",),
            self.clock,
            lambda _forge: self.to_make.pop(0),
        )

    def ask(self, request: RegistryRequest) -> RegistryAnswer:
        """The registry's answer."""
        return self.manage(request)

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """What the function `repositories` answers."""
        return answer_to(event, self.manage).model_dump(mode="json", exclude_none=True)

    def secret(self, name: str) -> dict[str, Any]:
        """What Secrets Manager answers when it is asked for the secret of this name."""
        known = self.secrets.known[name.rpartition("/")[2]]
        return {"SecretString": known.model_dump_json(exclude_none=True)}

    def add(self, **given: Any) -> RegisteredRepository:
        """Register acme/shop on GitHub, with what is given."""
        asked = {
            "forge": Forge.GITHUB,
            "full_name": "acme/shop",
            "clone_url": "https://host.invalid/shop.git",
        }
        return self.ask(AddRepository(**{**asked, **given})).repositories[0]

    def lookup(self) -> Registry:
        """The registry as a new container sees it."""
        return Registry(self.records, self.secrets, self.clock)


@dataclass
class FakeEntrance:
    """How flows begin: the webhook and `run-flow`, over records in memory."""

    registry: FakeRegistry
    records: Records[Build] = field(default_factory=fake_records)
    repositories: Records[Repository] = field(default_factory=fake_records)

    def __post_init__(self) -> None:
        clock, lookup = self.registry.clock, self.registry.lookup()
        starting = Starting(self.records, clock)
        follow = FollowPullRequest(self.registry.pull_requests, starting)
        self.receive = ReceivePush(starting, follow, self.repositories, lookup, FORGES, clock)
        self.start = StartFlow(self.records, lookup, starting, follow, clock)


def a_registry(**given: Any) -> FakeRegistry:
    """A registry that holds acme/shop, with what is given."""
    registry = FakeRegistry()
    registry.add(**given)
    return registry
