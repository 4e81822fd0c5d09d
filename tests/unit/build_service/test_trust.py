"""Whose code a flow runs is decided by where it comes from, never by what it says."""

from typing import Any

import pytest

from build_service.domain.errors import BuildError
from build_service.domain.trust import intent_of, refuse_widening, trust_of
from penstock_shared.configuration import InvalidConfigurationError, read_configuration
from penstock_shared.contracts.change import Intent, Trust
from tests.support.builders import a_change

RELEASING = b"""\
version: 1
components: {shop: {}}
environments: {production: {}}
release: {}
"""
EVERYWHERE = RELEASING + b'branches:\n  "hotfix/*": check\n  "**": release\n'


@pytest.mark.parametrize(
    ("given", "trust"),
    [
        ({"ref": "refs/heads/main"}, Trust.RELEASE),
        ({"ref": "refs/heads/master"}, Trust.RELEASE),
        ({"ref": "refs/heads/feature/main"}, Trust.CHECK),
        ({"ref": "refs/heads/main2"}, Trust.CHECK),
        ({"ref": "refs/pull/7/head", "pull_request": 7}, Trust.CHECK),
        ({"ref": "refs/heads/main", "pull_request": 7}, Trust.CHECK),
        ({"ref": "refs/heads/main", "pull_request": 7, "fork": "eve/shop"}, Trust.FORK),
        ({"ref": "refs/heads/main", "fork": "eve/shop"}, Trust.FORK),
    ],
)
def test_trust_follows_from_where_a_change_comes_from(given: dict[str, Any], trust: Trust) -> None:
    assert trust_of(a_change(**given)) is trust


def test_a_registration_says_which_refs_are_protected() -> None:
    protected = ("refs/heads/trunk", "refs/heads/release/*")

    assert trust_of(a_change(ref="refs/heads/release/2"), protected) is Trust.RELEASE
    assert trust_of(a_change(ref="refs/heads/main"), protected) is Trust.CHECK


def check(text: bytes, branch: str) -> None:
    change = a_change(ref=f"refs/heads/{branch}")
    refuse_widening(change, trust_of(change), read_configuration(text), text)


def test_a_branch_that_declares_itself_a_release_is_refused_with_the_line() -> None:
    with pytest.raises(InvalidConfigurationError) as caught:
        check(EVERYWHERE, "feature/x")

    assert str(caught.value) == (
        "penstock.yml:7: branches.**: 'feature/x' may not release: it is no protected branch of "
        "acme/shop"
    )


def test_a_release_by_default_that_is_not_protected_is_refused_with_what_to_do() -> None:
    change = a_change(ref="refs/heads/main")
    trust = trust_of(change, ["refs/heads/trunk"])

    with pytest.raises(BuildError, match=r"'main' may not release.*`branches: \{'main': check\}`"):
        refuse_widening(change, trust, read_configuration(RELEASING), RELEASING)


@pytest.mark.parametrize("branch", ["main", "hotfix/1"])
def test_a_file_may_narrow_what_its_trust_allows(branch: str) -> None:
    check(EVERYWHERE, branch)


TAGS = RELEASING + b'tags:\n  "v*": release\n'


def intent(text: bytes, **given: Any) -> Intent:
    return intent_of(a_change(**given), read_configuration(text))


def test_a_pull_request_is_checked_whatever_its_branch_is_called() -> None:
    text = EVERYWHERE
    for fork in ("", "eve/shop"):
        change = a_change(ref="refs/heads/main", pull_request=7, fork=fork)
        refuse_widening(change, trust_of(change), read_configuration(text), text)
        assert intent(text, ref="refs/heads/main", pull_request=7, fork=fork) is Intent.CHECK


def test_a_tag_releases_where_the_file_asks_for_it() -> None:
    assert intent(TAGS, ref="refs/tags/v1") is Intent.RELEASE
    assert intent(TAGS, ref="refs/tags/nightly") is Intent.CHECK
    assert intent(RELEASING, ref="refs/tags/v1") is Intent.CHECK


def test_a_tag_does_not_release_where_only_the_file_asks_for_it() -> None:
    change = a_change(ref="refs/tags/v1")
    refuse_widening(change, trust_of(change, ["refs/tags/v*"]), read_configuration(TAGS), TAGS)
    with pytest.raises(InvalidConfigurationError) as caught:
        refuse_widening(change, trust_of(change), read_configuration(TAGS), TAGS)

    assert str(caught.value) == (
        "penstock.yml:6: tags.v*: 'v1' may not release: it is no protected tag of acme/shop"
    )


WITH_SECRETS = b"""\
version: 1
components:
  shop:
    deploy: {driver: command, run: ./deploy, secrets: [DEPLOY_KEY]}
gates:
  unit: {run: pytest}
  system: {run: ./system, secrets: [TOKEN, ACCOUNT]}
"""


def test_jobs_of_a_fork_that_name_secrets_are_refused_with_their_line() -> None:
    change = a_change(ref="refs/pull/7/head", pull_request=7, fork="eve/shop")
    with pytest.raises(InvalidConfigurationError) as caught:
        refuse_widening(change, Trust.FORK, read_configuration(WITH_SECRETS), WITH_SECRETS)

    assert str(caught.value) == (
        "penstock.yml:7: gates.system.secrets: no job of a fork is given secrets: ACCOUNT, TOKEN"
    )


def test_a_fork_flows_if_only_deployments_name_secrets() -> None:
    text = WITH_SECRETS.replace(b", secrets: [TOKEN, ACCOUNT]", b"")
    change = a_change(ref="refs/pull/7/head", pull_request=7, fork="eve/shop")
    refuse_widening(change, Trust.FORK, read_configuration(text), text)
