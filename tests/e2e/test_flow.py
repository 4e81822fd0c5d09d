"""The main path: from git push to a promoted release."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.git import WorkTree
from tests.support.product import Product, Repository, eventually, flow_in
from tests.support.repositories import commands, functions


def phase(flow: dict[str, Any], name: str) -> dict[str, Any]:
    return next(phase for phase in flow["phases"] if phase["phase"] == name)


def components(flow: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {component["name"]: component for component in flow["components"]}


def test_a_push_becomes_a_release(product: Product, repository: Repository) -> None:
    flow_id = repository.push(functions("shop-a"))

    flow = product.await_state(flow_id, "succeeded")

    assert flow["intent"] == "release"
    assert flow["repository"] == repository.name
    assert flow["finished_at"] > flow["started_at"]
    states = {phase["phase"]: phase["state"] for phase in flow["phases"]}
    assert states["build"] == states["test"] == states["production"] == "succeeded"
    answer = product.function_says("shop-a-second-production")
    assert answer == {"version": "one", "environment": "production"}


def test_the_first_push_makes_its_repository_and_prints_the_page_of_its_flow(
    product: Product, tmp_path: Path
) -> None:
    work = WorkTree.create(tmp_path, f"{product.stack.git_url}/ada/hooked.git")
    work.commit(commands())

    said = work.push("feature/hook")

    assert product.stack.page_url in said
    flow = product.await_state(flow_in(said), "succeeded")
    assert (flow["intent"], flow["repository"]) == ("check", "ada/hooked")
    page = product.http.get(f"{product.stack.page_url}flows/{flow['flow_id']}")
    assert page.status_code == 200
    assert flow["sha"][:7] in page.text


def test_a_change_to_one_component_redoes_only_that(
    product: Product, repository: Repository
) -> None:
    product.await_state(repository.push(functions("shop-b")), "succeeded")

    flow = product.await_state(repository.push(functions("shop-b", "two")), "succeeded")

    done = components(flow)
    assert (done["shop-b-first"]["built"], done["shop-b-first"]["deployed"]) == (True, True)
    assert (done["shop-b-second"]["built"], done["shop-b-second"]["deployed"]) == (False, False)
    assert "unchanged" in done["shop-b-second"]["reason"] or done["shop-b-second"]["reason"]
    tested = [job["component"] for job in phase(flow, "test")["jobs"]]
    assert tested == ["shop-b-first"]
    assert product.function_says("shop-b-first-production")["version"] == "two"


def test_documents_alone_run_no_job(product: Product, repository: Repository) -> None:
    product.await_state(repository.push(commands()), "succeeded")

    flow = product.await_state(repository.push({"README.md": "words"}), "succeeded")

    assert [job for phase in flow["phases"] for job in phase["jobs"]] == []


def test_five_deliveries_at_once_are_one_flow(product: Product, repository: Repository) -> None:
    push = repository.commit(commands())

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: product.deliver(push), range(5)))

    assert [answer.status_code for answer in answers] == [202] * 5
    assert len({answer.json()["flow_id"] for answer in answers}) == 1
    flow = product.await_state(answers[0].json()["flow_id"], "succeeded")
    jobs = [job["name"] for phase in flow["phases"] for job in phase["jobs"]]
    assert sorted(jobs) == sorted(set(jobs)) or len(jobs) == 4
    known = product.http.get(
        f"{product.stack.api_url}/flows", params={"repository": repository.name}
    ).json()
    flows = known if isinstance(known, list) else known["flows"]
    assert [flow["flow_id"] for flow in flows] == [answers[0].json()["flow_id"]]


def test_a_wrong_signature_is_401(product: Product, repository: Repository) -> None:
    answer = product.deliver(
        repository.commit(commands()), **{"x-hub-signature-256": "sha256=" + "0" * 64}
    )

    assert answer.status_code == 401
    assert "signature" in answer.json()["error"]


def test_garbage_is_400(product: Product, repository: Repository) -> None:
    webhook = product.webhook_of(repository.name, repository.work.remote)

    answer = product.http.post(webhook.url, content=b"\xff garbage")

    assert answer.status_code == 400
    assert "error" in answer.json()


def test_an_address_that_nobody_has_is_404(product: Product) -> None:
    answer = product.http.post(f"{product.stack.webhook_url}/{'0' * 20}", content=b"{}")

    assert answer.status_code == 404
    assert "no repository has this webhook address" in answer.json()["error"]


@pytest.mark.parametrize("ref", ["refs/heads/gone", "refs/tags/v1"])
def test_a_deletion_starts_nothing_and_says_so(
    product: Product, repository: Repository, ref: str
) -> None:
    push = repository.commit(commands()) | {"ref": ref, "after": "0" * 40, "deleted": True}

    answer: httpx.Response = product.deliver(push)

    assert answer.status_code == 202
    assert answer.json()["status"] == "ignored"
    assert "deleted" in answer.json()["reason"]


def test_a_gate_that_fails_stops_the_flow_and_shows_why(
    product: Product, repository: Repository
) -> None:
    gate = "echo checking; echo 'the answer is 41' >&2; exit 3"
    files = functions("shop-c") | {
        "penstock.yml": functions("shop-c")["penstock.yml"].replace("test -s handler.py", gate)
    }
    flow = product.await_state(repository.push(files), "failed")

    failed = phase(flow, "test")
    job = next(job for job in failed["jobs"] if job["state"] == "failed")
    assert failed["state"] == "failed"
    assert job["exit_code"] == 3
    assert gate in job["command"]
    assert "the answer is 41" in job["tail"]
    assert "exit code 3" in flow["reason"]
    assert product.function_says("shop-c-first-staging") is None


def test_a_broken_file_fails_the_flow_with_line_and_field(
    product: Product, repository: Repository
) -> None:
    text = "version: 1\ncomponents:\n  app:\n    pth: x\n"

    flow = product.await_state(repository.push({"penstock.yml": text}), "failed")

    assert "penstock.yml:4: components.app.pth" in flow["reason"]


def test_a_commit_that_is_not_there_fails_the_flow(
    product: Product, repository: Repository
) -> None:
    push = repository.commit(commands()) | {"after": "f" * 40}
    flow_id = product.deliver(push).json()["flow_id"]

    assert f"has no commit {'f' * 40}" in product.await_state(flow_id, "failed")["reason"]


def test_a_log_can_be_read_while_the_job_runs(product: Product, repository: Repository) -> None:
    flow_id = repository.push(commands(gate="echo first words; sleep 4", bake="0s"))
    job = product.await_job(flow_id, "check", "running")

    def said() -> bool:
        url = f"{product.stack.api_url}/flows/{flow_id}/jobs/{job['job_id']}/log"
        return "first words" in product.http.get(url).text

    eventually(said, "the first words of a running job", patience=3)
    assert product.await_job(flow_id, "check", "running")
    product.await_state(flow_id, "succeeded")


def test_two_pushes_at_once_on_one_branch_end_with_the_newer_in_production(
    product: Product, repository: Repository
) -> None:
    older = repository.push(functions("shop-d", "older"))
    newer = repository.push(functions("shop-d", "newer"))

    product.await_state(newer, "succeeded")
    product.await_state(older, "succeeded", "superseded")

    assert product.function_says("shop-d-first-production")["version"] == "newer"
