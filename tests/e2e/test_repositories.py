"""Several repositories in one stack: private ones, forged deliveries, and files that claim more."""

import json
from pathlib import Path
from typing import Any

import pytest

from penstock_shared.contracts.registration import Allowance
from penstock_shared.contracts.registry import ReadCredential, SetRepository
from penstock_shared.github import push_event
from tests.e2e.conftest import Trusting
from tests.support.git import WorkTree
from tests.support.private_git import PrivateGit, private_git
from tests.support.product import Product, Repository, Webhook, signed
from tests.support.repositories import commands, functions

TOKEN = "t0ken-of-the-private-repository"  # of this test


def post(product: Product, webhook: Webhook, secret: str, push: dict[str, Any]) -> Any:
    body = json.dumps(push).encode()
    return product.http.post(webhook.url, content=body, headers=signed(secret, body))


@pytest.fixture
def private(tmp_path: Path, trusting: Trusting) -> Any:
    with private_git(tmp_path, trusting.certificate, "reader", TOKEN) as server:
        yield server


def in_private(product: Product, private: PrivateGit, folder: Path, **given: Any) -> Repository:
    """A repository on the private server, registered with what is given."""
    name = f"acme/private-{folder.name}"
    push_to, clone_url = private.create(name)
    product.webhooks[name] = product.register(name, clone_url, **given)
    return Repository(product, WorkTree.create(folder, push_to), name)


def test_a_private_and_a_public_repository_flow_at_once(
    product: Product, repository: Repository, private: PrivateGit, tmp_path: Path
) -> None:
    credential = ReadCredential(user="reader", token=TOKEN)
    hidden = in_private(product, private, tmp_path / "one", credential=credential)
    flows = [hidden.push(commands(mode="parallel")), repository.push(commands(mode="parallel"))]

    private_flow, public_flow = (product.await_state(flow, "succeeded") for flow in flows)

    assert private_flow["repository"] == hidden.name
    assert public_flow["repository"] == repository.name
    mine, other = product.webhooks[hidden.name], product.webhooks[repository.name]
    assert mine.secret != other.secret
    assert TOKEN not in json.dumps(private_flow)
    assert TOKEN not in private_flow_page(product, private_flow["flow_id"])


def private_flow_page(product: Product, flow_id: str) -> str:
    return product.http.get(f"{product.stack.page_url}flows/{flow_id}").text


def test_a_private_repository_without_its_token_is_told_and_flows_once_it_has_one(
    product: Product, private: PrivateGit, tmp_path: Path
) -> None:
    hidden = in_private(product, private, tmp_path / "two")
    flow = product.await_state(hidden.push(commands()), "failed")
    assert "asks for a token, and there is none" in flow["reason"]

    wrong = ReadCredential(user="reader", token="wr0ng")  # of this test
    product.registry.ask(SetRepository(full_name=hidden.name, credential=wrong))
    flow = product.await_state(hidden.push({"app/code": "wrong"}), "failed")
    assert "refuses the registered token" in flow["reason"]
    assert "wr0ng" not in json.dumps(flow)

    right = ReadCredential(user="reader", token=TOKEN)
    product.registry.ask(SetRepository(full_name=hidden.name, credential=right))
    product.await_state(hidden.push({"app/code": "right"}), "succeeded")


def test_a_delivery_for_one_repository_signed_by_another_starts_nothing(
    product: Product, repository: Repository, tmp_path: Path
) -> None:
    """The holder of one repository's secret names another one, and a clone address of its own."""
    attacker = Repository.create(product, tmp_path / "attacker", f"{repository.name}-attacker")
    product.await_state(repository.push(functions("signed", "good")), "succeeded")
    evil = attacker.commit(functions("signed", "evil"))
    own = product.webhook_of(attacker.name, attacker.work.remote)
    victims = product.webhooks[repository.name]
    forged = evil | {"repository": evil["repository"] | {"full_name": repository.name}}

    by_own_address = post(product, own, own.secret, forged)
    by_the_victims = post(product, victims, own.secret, forged)

    assert (by_own_address.status_code, by_the_victims.status_code) == (403, 401)
    assert f"the webhook address of {attacker.name}" in by_own_address.json()["error"]
    flows = product.http.get(
        f"{product.stack.api_url}/flows", params={"repository": repository.name}
    ).json()["flows"]
    assert len(flows) == 1
    assert product.function_says("signed-first-production")["version"] == "good"


def test_source_comes_from_the_registered_address_whatever_a_delivery_says(
    product: Product, repository: Repository, tmp_path: Path
) -> None:
    elsewhere = WorkTree.create(tmp_path / "elsewhere")
    sha = elsewhere.commit(commands())
    elsewhere.push()
    webhook = product.webhook_of(repository.name, repository.work.remote)
    repository.commit(commands(gate="true # the real one"))
    forged = push_event(
        repository.name, elsewhere.remote, "refs/heads/main", "0" * 40, sha, pusher="mallory"
    )

    answer = post(product, webhook, webhook.secret, forged)

    flow = product.await_state(answer.json()["flow_id"], "failed")
    assert f"{repository.name} has no commit {sha}" in flow["reason"]


def test_a_feature_branch_that_declares_itself_a_release_is_refused_with_the_line(
    product: Product, repository: Repository
) -> None:
    files = functions("self-made")
    files["penstock.yml"] += 'branches: {"**": release}\n'
    line = files["penstock.yml"].count("\n")

    flow = product.await_state(repository.push(files, "feature/mine"), "failed")

    assert f"penstock.yml:{line}: branches.**: 'feature/mine' may not release" in flow["reason"]
    assert product.function_says("self-made-first-production") is None


def test_a_file_that_goes_beyond_the_registration_is_refused_with_every_line(
    product: Product, repository: Repository
) -> None:
    allowed = Allowance(least_bake=3600, environments=("staging",), deploy_prefix="team-")
    product.webhook_of(repository.name, repository.work.remote, allowance=allowed)

    flow = product.await_state(repository.push(functions("mine")), "failed")

    assert "release.bake: is 0 s; the registration asks for 3600 s or more" in flow["reason"]
    assert "environments.production: is not for this repository" in flow["reason"]
    assert "'mine-first' must begin with 'team-'" in flow["reason"]
    assert product.function_says("mine-first-production") is None
