"""C2: a delivery says which repository it is of, and where that one is fetched from.

The attack: whoever held the one webhook secret of a stage (any repository's administrator) sent a
push with another repository's `full_name` and a `clone_url` of his own. The other repository's
production function was replaced by what lay there.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from build_service.domain.build import Build
from build_service.domain.errors import WebhookError
from build_service.use_cases.starting import ReceivedPush
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.commands import RunFlow
from penstock_shared.contracts.events import BuildRequested
from penstock_shared.contracts.registration import repository_id
from penstock_shared.contracts.registry import RemoveRepository, RotateSecret
from penstock_shared.github import delivery_headers, push_event
from penstock_shared.identifiers import run_id_for
from penstock_shared.persistence.outbox import Records
from penstock_shared.testing.fakes import RecordingPublisher, fake_records
from tests.support.builders import BEFORE, SHA
from tests.unit.build_service.registered import FakeEntrance, FakeRegistry

VICTIM, ATTACKER = (repository_id(Forge.GITHUB, name) for name in ("acme/shop", "mallory/shop"))
VICTIMS_ADDRESS = "https://host.invalid/shop.git"
ATTACKERS_ADDRESS = "https://mallory.invalid/shop.git"


class Stage:
    """Two registered repositories, each with its own secret, and the webhook before them."""

    def __init__(self) -> None:
        self.registry = FakeRegistry(to_make=["the victim's", "the attacker's", "new", "newer"])
        self.registry.add(clone_url=VICTIMS_ADDRESS)
        self.registry.add(full_name="mallory/shop", clone_url=ATTACKERS_ADDRESS)
        self.records: Records[Build] = fake_records()
        entrance = FakeEntrance(self.registry, self.records)
        self.receive, self.start = entrance.receive, entrance.start

    def deliver(self, repository: str, push: Mapping[str, Any], secret: str) -> ReceivedPush:
        body = json.dumps(push).encode()
        headers = delivery_headers(secret, body, "d-1")
        lower = {name.lower(): value for name, value in headers.items()}
        (received,) = self.receive(repository, body, lower)
        assert isinstance(received, ReceivedPush)
        return received

    def requested(self) -> list[BuildRequested]:
        publisher = self.records.publisher
        assert isinstance(publisher, RecordingPublisher)
        return publisher.only(BuildRequested)


def push_of(name: str, clone_url: str) -> dict[str, Any]:
    return push_event(name, clone_url, "refs/heads/main", BEFORE, SHA)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.mark.parametrize(
    ("address", "secret", "status"),
    [
        (ATTACKER, "the attacker's", 403),
        (VICTIM, "the attacker's", 401),
        ("0" * 20, "the attacker's", 404),
        ("", "the attacker's", 404),
    ],
    ids=["at his own address", "at the victim's", "at nobody's", "at the stage's"],
)
def test_one_repository_s_secret_starts_nothing_in_another_s_name(
    stage: Stage, address: str, secret: str, status: int
) -> None:
    forged = push_of("acme/shop", ATTACKERS_ADDRESS)

    with pytest.raises(WebhookError) as refused:
        stage.deliver(address, forged, secret)

    assert refused.value.status == status
    assert stage.requested() == []


def test_the_refusal_says_which_repository_the_address_is_of(stage: Stage) -> None:
    with pytest.raises(WebhookError, match=r"address of mallory/shop, .* is about acme/shop"):
        stage.deliver(ATTACKER, push_of("acme/shop", ATTACKERS_ADDRESS), "the attacker's")


@pytest.mark.parametrize("clone_url", [ATTACKERS_ADDRESS, "file:///etc", "http://169.254.169.254/"])
def test_source_is_fetched_from_the_registered_address_only(stage: Stage, clone_url: str) -> None:
    stage.deliver(VICTIM, push_of("acme/shop", clone_url), "the victim's")

    (request,) = stage.requested()
    assert request.change.clone_url == VICTIMS_ADDRESS


def test_a_flow_without_a_push_runs_from_the_registered_address_only(stage: Stage) -> None:
    ref = "refs/heads/main"
    flow_id = run_id_for("github", "acme/shop", ref, SHA, "r")
    stage.start(
        RunFlow(
            flow_id=flow_id,
            forge=Forge.GITHUB,
            repository="acme/shop",
            ref=ref,
            sha=SHA,
            request="r",
        )
    )

    (request,) = stage.requested()
    assert request.change.clone_url == VICTIMS_ADDRESS


def test_the_forge_is_the_registration_s(stage: Stage) -> None:
    """The same name on another forge is another repository, with another secret."""
    other = stage.registry.add(forge=Forge.GIT, clone_url="https://git.invalid/shop.git")

    with pytest.raises(WebhookError, match="the signature is wrong"):
        stage.deliver(other.id, push_of("acme/shop", VICTIMS_ADDRESS), "the victim's")
    received = stage.deliver(other.id, push_of("acme/shop", VICTIMS_ADDRESS), "new")

    assert stage.requested()[0].change.forge is Forge.GIT
    assert (
        received.flow_id
        != stage.deliver(VICTIM, push_of("acme/shop", VICTIMS_ADDRESS), "the victim's").flow_id
    )


def test_a_secret_that_leaked_is_worth_nothing_once_its_overlap_is_over(stage: Stage) -> None:
    push = push_of("acme/shop", VICTIMS_ADDRESS)
    stage.registry.ask(RotateSecret(full_name="acme/shop", overlap=3600))
    flow_id = stage.deliver(VICTIM, push, "new").flow_id
    assert stage.deliver(VICTIM, push, "the victim's").flow_id == flow_id

    stage.registry.clock.advance(seconds=3600)

    with pytest.raises(WebhookError, match="the signature is wrong"):
        stage.deliver(VICTIM, push, "the victim's")


def test_a_secret_that_is_rotated_without_overlap_ends_within_half_a_minute(stage: Stage) -> None:
    push = push_of("acme/shop", VICTIMS_ADDRESS)
    stage.deliver(VICTIM, push, "the victim's")
    stage.registry.ask(RotateSecret(full_name="acme/shop", overlap=0))
    stage.registry.clock.advance(seconds=30)

    with pytest.raises(WebhookError, match="the signature is wrong"):
        stage.deliver(VICTIM, push, "the victim's")
    stage.deliver(VICTIM, push, "new")


def test_a_new_secret_counts_at_once(stage: Stage) -> None:
    push = push_of("acme/shop", VICTIMS_ADDRESS)
    stage.deliver(VICTIM, push, "the victim's")
    stage.registry.clock.advance(seconds=2)
    stage.registry.ask(RotateSecret(full_name="acme/shop"))

    stage.deliver(VICTIM, push, "new")


def test_a_removed_repository_starts_nothing(stage: Stage) -> None:
    stage.registry.ask(RemoveRepository(full_name="acme/shop"))

    with pytest.raises(WebhookError) as refused:
        stage.deliver(VICTIM, push_of("acme/shop", VICTIMS_ADDRESS), "the victim's")
    assert refused.value.status == 404


def test_a_repository_without_secrets_believes_nobody(stage: Stage) -> None:
    stage.registry.secrets.known.clear()

    for secret in ("", "None", "the victim's"):
        with pytest.raises(WebhookError, match="the signature is wrong"):
            stage.deliver(VICTIM, push_of("acme/shop", VICTIMS_ADDRESS), secret)


def test_a_flood_of_forged_deliveries_costs_few_calls(stage: Stage) -> None:
    for _ in range(100):
        with pytest.raises(WebhookError):
            stage.deliver(VICTIM, push_of("acme/shop", VICTIMS_ADDRESS), "a guess")

    assert stage.registry.secrets.reads == 1
