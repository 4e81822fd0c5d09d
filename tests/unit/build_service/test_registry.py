"""Repositories: registered, shown, changed, removed, and remembered for a short time."""

from datetime import timedelta
from typing import Any

import pytest

from build_service.domain.errors import RegistryError
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.registration import CredentialKind
from penstock_shared.contracts.registry import (
    AddRepository,
    ListRepositories,
    ReadCredential,
    RefusalKind,
    RegistryRequest,
    RemoveRepository,
    RotateSecret,
    SetRepository,
    ShowRepository,
)
from tests.unit.build_service.registered import SECRET, SHOP, FakeRegistry, a_registry

TOKEN = ReadCredential(user="reader", token="t0ken")  # of these tests


def refused(registry: FakeRegistry, request: RegistryRequest) -> RegistryError:
    with pytest.raises(RegistryError) as caught:
        registry.ask(request)
    return caught.value


def test_a_repository_gets_an_address_and_a_secret_of_its_own() -> None:
    registry = FakeRegistry()

    first, second = registry.add(), registry.add(full_name="acme/site")

    assert first.id != second.id
    assert registry.secrets.known[first.id].webhook != registry.secrets.known[second.id].webhook
    assert first.allowance.protects("refs/heads/main")
    assert not first.allowance.protects("refs/heads/feature")


def test_equal_names_on_two_forges_are_two_repositories() -> None:
    registry = a_registry()
    other = registry.add(forge=Forge.GIT)

    assert other.id != SHOP
    assert refused(registry, ShowRepository(full_name="acme/shop")).kind is RefusalKind.INVALID
    shown = registry.ask(ShowRepository(full_name="acme/shop", forge=Forge.GIT))
    assert shown.repositories == (other,)


def test_a_repository_is_registered_once_and_keeps_its_secret() -> None:
    registry = a_registry()

    with pytest.raises(RegistryError, match="is registered already, since 2026-01-02") as caught:
        registry.add(clone_url="https://elsewhere.invalid/shop.git")

    assert caught.value.kind is RefusalKind.DUPLICATE
    assert registry.secrets.known[SHOP].webhook == SECRET


def test_an_unknown_repository_is_told_with_those_that_there_are() -> None:
    error = refused(a_registry(), ShowRepository(full_name="acme/shpo"))

    assert error.kind is RefusalKind.UNKNOWN
    assert "no repository acme/shpo is registered; there are acme/shop" in str(error)


@pytest.mark.parametrize(
    ("clone_url", "reason"),
    [
        ("http://host.invalid/x.git", "must begin with https:// or file://"),
        ("git@github.com:acme/shop.git", "one of ssh.*deploy keys cannot be used"),
        ("ssh://git@github.com/acme/shop.git", "one of ssh.*deploy keys cannot be used"),
        ("/srv/shop.git", "must begin with"),
        ("https://ada:t0ken@host.invalid/x.git", "holds a user name or a password"),
        ("https:///x.git", "names no host"),
        ("https://host.invalid:nonsense/x.git", "cannot be read"),
        ("https://host.invalid:0/x.git", "names no host and port"),
        ("https://host.invalid/x.git?token=1", "no query"),
        ("https://host.invalid/a b.git", "no spaces"),
    ],
)
def test_an_address_that_cannot_be_fetched_from_is_refused(clone_url: str, reason: str) -> None:
    with pytest.raises(RegistryError, match=reason) as caught:
        FakeRegistry().add(clone_url=clone_url)

    assert caught.value.kind is RefusalKind.INVALID
    assert "t0ken" not in str(caught.value)


def test_a_token_goes_over_https_only() -> None:
    with pytest.raises(RegistryError, match="over which no token is sent"):
        FakeRegistry().add(clone_url="file:///srv/x.git", credential=TOKEN)


@pytest.mark.parametrize("forge", list(Forge))
def test_a_repository_of_every_forge_can_be_registered(forge: Forge) -> None:
    assert FakeRegistry().add(forge=forge).forge is forge


def test_what_is_set_changes_and_the_rest_stays() -> None:
    registry = a_registry()

    request = SetRepository(full_name="acme/shop", least_bake=60, protected=("refs/heads/live",))
    (changed,) = registry.ask(request).repositories

    assert (changed.allowance.least_bake, changed.allowance.environments) == (60, ("*",))
    assert not changed.allowance.protects("refs/heads/main")
    assert registry.ask(ListRepositories()).repositories == (changed,)


def test_a_credential_can_be_given_and_forgotten() -> None:
    registry = a_registry()

    given = registry.ask(SetRepository(full_name="acme/shop", credential=TOKEN))
    assert given.repositories[0].read_with is CredentialKind.TOKEN
    assert registry.secrets.known[SHOP].credential == TOKEN
    assert registry.secrets.known[SHOP].webhook == SECRET

    gone = registry.ask(SetRepository(full_name="acme/shop", forget_credential=True))
    assert gone.repositories[0].read_with is CredentialKind.NONE
    assert registry.secrets.known[SHOP].credential is None


def test_a_token_does_not_move_to_another_address_by_itself() -> None:
    registry = a_registry(credential=TOKEN)
    moved: dict[str, Any] = {"full_name": "acme/shop", "clone_url": "https://evil.invalid/x.git"}

    assert "given for another clone address" in str(refused(registry, SetRepository(**moved)))
    registry.ask(SetRepository(**moved, credential=TOKEN))


def test_a_rotated_secret_and_the_one_before_are_valid_until_the_overlap_ends() -> None:
    registry = a_registry()

    answer = registry.ask(RotateSecret(full_name="acme/shop", overlap=3600))

    secrets, now = registry.secrets.known[SHOP], registry.clock()
    assert answer.webhook_secret == "new secret"
    assert secrets.valid(now) == ("new secret", SECRET)
    assert secrets.valid(now + timedelta(seconds=3600)) == ("new secret",)


def test_a_repository_whose_secrets_are_lost_gets_new_ones() -> None:
    registry = a_registry()
    registry.secrets.known.clear()

    registry.ask(RotateSecret(full_name="acme/shop"))

    assert registry.secrets.known[SHOP].valid(registry.clock()) == ("new secret",)


def test_a_removed_repository_is_gone_with_its_secrets_and_can_be_registered_again() -> None:
    registry = a_registry()

    registry.ask(RemoveRepository(full_name="acme/shop"))

    assert registry.secrets.known == {}
    assert registry.lookup().find(SHOP) is None
    assert registry.ask(ListRepositories()).repositories == ()
    assert refused(registry, RemoveRepository(full_name="acme/shop")).kind is RefusalKind.UNKNOWN
    assert registry.add().id == SHOP
    assert registry.secrets.known[SHOP].valid(registry.clock()) == ("new secret",)


def test_what_a_container_read_is_used_for_half_a_minute() -> None:
    registry = a_registry()
    lookup = registry.lookup()
    for _ in range(5):
        lookup.secrets_of(SHOP)
        lookup.find(SHOP)
        registry.clock.advance(seconds=5)

    assert registry.secrets.reads == 1
    registry.ask(RemoveRepository(full_name="acme/shop"))
    assert lookup.find(SHOP) is not None
    registry.clock.advance(seconds=5)
    assert lookup.find(SHOP) is None


def test_no_secret_shows_in_what_people_might_print() -> None:
    registry = a_registry(credential=TOKEN)
    request = AddRepository(
        forge=Forge.GIT, full_name="x", clone_url="https://h.invalid/x", credential=TOKEN
    )

    answer = registry.ask(RotateSecret(full_name="acme/shop"))
    for text in map(repr, (request, registry.secrets.known, answer)):
        assert "t0ken" not in text
        assert SECRET not in text
        assert "new secret" not in text
