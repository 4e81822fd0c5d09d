"""Answers on a whole stack. A local server stands in for GitHub's API, and checks each call."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.registry import AddRepository, RemoveRepository, SetAnswers
from penstock_shared.github import delivery_headers
from tests.e2e.test_secrets import everything_stored
from tests.support.forges import OPENED, PUSHED, Head
from tests.support.forges.github import GitHubStandIn
from tests.support.git import WorkTree
from tests.support.product import Product, Repository, Webhook, eventually
from tests.unit.answers_service.forge_standins import (
    REPOSITORY,
    TOKEN,
    Canned,
    StandIn,
    forge_stand_in,
)

CONFIGURATION = """\
version: 1
components: {orders: {path: orders}}
gates:
  good: {run: "true", scope: repository}
  bad: {run: "echo 'E: no <b>bold</b>' >&2; exit 3", scope: repository}
"""


@pytest.fixture(scope="module")
def api() -> Iterator[StandIn]:
    """One for all tests: a container remembers for half a minute where a repository's API is."""
    with forge_stand_in(Forge.GITHUB) as standing:
        yield standing


@pytest.fixture
def github(api: StandIn) -> Iterator[StandIn]:
    api.forget()
    yield api
    assert api.violations == []


@dataclass(frozen=True)
class Shop:
    """The repository acme/shop of GitHub, which is told what its pushes come to."""

    product: Product
    repository: Repository
    webhook: Webhook

    def push(self, files: dict[str, str]) -> str:
        """Push to a branch that is not protected; returns the flow's id."""
        body = json.dumps(self.repository.commit(files, "topic")).encode()
        return self.deliver(body, delivery_headers(self.webhook.secret, body, "d-1"))

    def propose(self, what: str, files: dict[str, str]) -> tuple[str, str]:
        """Commit to the branch of pull request 7, which GitHub would merge into main; returns the
        commit and its flow's id.
        """
        work = self.repository.work
        work.git("checkout", "--quiet", "-B", "feature")
        sha = work.commit(files)
        work.push("feature")
        work.git("checkout", "--quiet", "--detach", "main")
        work.git("merge", "--quiet", "--no-ff", "--message=Merge", "feature")
        work.git("push", "--quiet", "--force", "origin", "HEAD:refs/pull/7/merge")
        work.git("checkout", "--quiet", "feature")
        sender = GitHubStandIn(repository=REPOSITORY)
        head = Head(sha=sha, at=f"2026-01-02T00:00:0{len(files)}Z")
        message = sender.pull_request(what, 7, head)
        return sha, self.deliver(message.body, sender.headers(self.webhook.secret, message))

    def deliver(self, body: bytes, headers: dict[str, str]) -> str:
        """Deliver; returns the id of the flow that it starts."""
        answer = self.product.http.post(self.webhook.url, content=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["flow_id"])


@pytest.fixture
def shop(product: Product, tmp_path: Path, github: StandIn) -> Iterator[Shop]:
    work = WorkTree.create(tmp_path / "shop")
    clone_url = work.remote
    added = product.registry.ask(
        AddRepository(forge=Forge.GITHUB, full_name=REPOSITORY, clone_url=clone_url)
    )
    product.registry.ask(
        SetAnswers(
            full_name=REPOSITORY,
            token=TOKEN,
            api_url=github.url,
            page_url=product.stack.page_url,
        )
    )
    url = f"{product.stack.webhook_url}/{added.repositories[0].id}"
    repository = Repository(product, work, REPOSITORY)
    yield Shop(product, repository, Webhook(url, added.webhook_secret))
    product.registry.ask(RemoveRepository(full_name=REPOSITORY, forge=Forge.GITHUB))


def test_a_push_is_answered_from_pending_to_final_through_an_outage(
    product: Product, shop: Shop, github: StandIn, repository: Repository
) -> None:
    """The forge is down at first, and then asks for a pause: nothing is lost by either.

    A flow of a repository without a token came before, and nothing of it reaches the service.
    """
    github.canned += [Canned(502), Canned(403, {"Retry-After": "1"})]

    passing = CONFIGURATION.replace("exit 3", "true")
    silent = repository.push({"penstock.yml": passing, "orders/app.py": ""})
    product.await_state(silent, "succeeded")
    flow_id = shop.push({"penstock.yml": CONFIGURATION, "orders/app.py": ""})
    product.await_state(flow_id, "failed")

    ends = {"penstock": "failure", "penstock/good": "success", "penstock/bad": "failure"}
    eventually(
        lambda: all(github.history(name)[-1:] == [end] for name, end in ends.items()),
        f"the final statuses, and not {github.statuses}",
    )
    for name, end in ends.items():
        assert set(github.history(name)[:-1]) <= {"pending"}, (name, end)
    last = {body["context"]: body for _, body in github.statuses}
    assert last["penstock/bad"]["description"] == "failed: exit code 3"
    page = product.http.get(last["penstock"]["target_url"])
    assert (page.status_code, flow_id in page.text) == (200, True)
    kept = [*everything_stored(product)]
    assert not [text for text in kept if TOKEN in text]
    assert silent not in answered_flows(product)
    assert flow_id in answered_flows(product)


def test_a_pull_request_has_one_comment_that_its_next_commit_changes(
    product: Product, shop: Shop, github: StandIn
) -> None:
    shop.repository.commit({"penstock.yml": CONFIGURATION, "orders/app.py": ""}, "main")

    first, flow_id = shop.propose(OPENED, {"orders/app.py": "1"})
    product.await_state(flow_id, "failed")
    # The end of the flow and the verdicts of its gates are two events, which come in any order.
    row = "| `bad` | `failed: exit code 3` |"
    eventually(lambda: row in "".join(github.comments.values()), "the comment with its gates")
    (before,) = github.comments.items()
    mended = {"penstock.yml": CONFIGURATION.replace("exit 3", "true"), "orders/app.py": "2"}
    second, flow_id = shop.propose(PUSHED, mended)
    product.await_state(flow_id, "succeeded")

    eventually(lambda: "passed" in "".join(github.comments.values()), "the comment's change")
    assert list(github.comments) == [before[0]]
    assert "bad" not in github.comments[before[0]]
    eventually(lambda: github.history("penstock-pr")[-1:] == ["success"], "the last status")
    assert {sha for sha, _ in github.statuses} == {first, second}


def answered_flows(product: Product) -> str:
    """The records of the service."""
    answers = product.stack.tables["answers"]
    return str(product.stack.client("dynamodb").scan(TableName=answers)["Items"])
