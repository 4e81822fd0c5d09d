"""The order of pushes, and flows that run again, on a real stack with real repositories."""

from pathlib import Path
from typing import Any

from penstock_shared.identifiers import flow_id_for, retry_id_for, run_id_for
from tests.support.product import Product, Repository, eventually
from tests.support.repositories import commands


def deliver(product: Product, push: dict[str, Any]) -> str:
    answer = product.deliver(push)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["flow_id"])


def test_the_older_of_two_pushes_never_wins_however_late_it_is_told(
    product: Product, repository: Repository
) -> None:
    older = repository.commit(commands())
    newer = repository.commit({"app/code": "2"})

    ahead = deliver(product, newer)
    product.await_state(ahead, "succeeded")
    late = deliver(product, older)

    superseded = product.await_state(late, "superseded")
    assert superseded["reason"].startswith(f"main is at {newer['after'][:12]} now")


def test_of_two_pushes_that_are_told_in_the_wrong_order_at_once_the_head_ends_up_in_production(
    product: Product, repository: Repository
) -> None:
    older = repository.commit(commands(deploy="sleep 0.2"))
    newer = repository.commit({"app/code": "2"})

    ahead, late = deliver(product, newer), deliver(product, older)

    product.await_state(ahead, "succeeded")
    product.await_state(late, "superseded")


def test_a_branch_that_is_put_back_to_an_earlier_commit_flows_again(
    product: Product, repository: Repository
) -> None:
    first = repository.commit(commands())
    product.await_state(deliver(product, first), "succeeded")
    second = repository.commit({"app/code": "2"})
    product.await_state(deliver(product, second), "succeeded")

    repository.work.git("push", "--force", "origin", f"{first['after']}:refs/heads/main")
    back = first | {"before": second["after"]}

    product.await_state(deliver(product, back), "succeeded")


def test_only_what_failed_runs_again(product: Product, repository: Repository, tools: Path) -> None:
    repaired = tools / "repaired"
    flow_id = repository.push(commands(gate="repaired"))
    product.await_state(flow_id, "failed")
    repaired.write_text("#!/bin/sh\n")
    repaired.chmod(0o755)

    for _ in range(2):
        product.say("run-flow", {"flow_id": flow_id, "attempt": 2, "by": "ada"})
    again = product.await_state(retry_id_for(flow_id, 2), "succeeded")

    build, test = again["phases"][:2]
    assert again["attempt"] == 2
    assert build["jobs"] == []
    assert [job["name"] for job in test["jobs"]] == ["check"]


def test_a_branch_runs_without_a_push(product: Product, repository: Repository) -> None:
    push = repository.commit(commands())
    product.await_state(deliver(product, push), "succeeded")
    name, ref, sha = repository.name, push["ref"], push["after"]

    flow_id = run_id_for("git", name, ref, sha, "once more")
    asked = {"forge": "git", "repository": name, "ref": ref, "sha": sha}
    product.say("run-flow", {"flow_id": flow_id, **asked, "request": "once more", "by": "ada"})

    assert product.await_state(flow_id, "succeeded")["author"] == "ada"


def test_a_flow_that_is_aborted_before_its_push_is_listed_as_that(
    product: Product, repository: Repository
) -> None:
    push = repository.commit(commands())
    changed = (push["ref"], push["before"], push["after"])
    flow_id = flow_id_for("git", repository.name, *changed)
    product.say("abort-release", {"flow_id": flow_id, "reason": "not today", "by": "ada"})
    table, key = product.stack.tables["builds"], {"id": {"S": flow_id}}
    builds = product.stack.client("dynamodb")
    eventually(lambda: "Item" in builds.get_item(TableName=table, Key=key), "the abort to arrive")

    answer = product.deliver(push).json()

    assert answer["status"] == "stopped before it began"
    assert "ada" in answer["reason"]
    assert product.await_state(flow_id, "aborted")["repository"] == repository.name
