"""retry and run: a flow again, and a branch's commit without a push."""

import json
from pathlib import Path

import pytest

from penstock.remote import origin_of_here
from penstock_shared.identifiers import retry_id_for, run_id_for
from tests.support import forges
from tests.support.forges import Head, sent
from tests.support.forges.github import GitHubStandIn
from tests.support.git import WorkTree
from tests.unit.build_service.registered import SECRET, SHOP, FakeEntrance
from tests.unit.penstock.commands.conftest import Run
from tests.unit.penstock.commands.fake_stack import FakeStack, a_flow, stack_at

A = "a" * 20
AGAIN = retry_id_for(A, 2)


def test_retry_says_which_flow_it_is_and_where_to_see_it(
    run: Run, stack: FakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    stack.flows = {A: a_flow(A, "failed")}

    said = run("retry", A[:6]).stdout

    assert stack.published == [("run-flow", {"flow_id": A, "attempt": 2, "by": "grace"})]
    assert f"Flow {AGAIN} runs flow {A} again, as attempt 2." in said
    assert f"/flows/{AGAIN}" in said


@pytest.mark.parametrize("state", ["failed", "aborted", "superseded"])
def test_what_did_not_succeed_can_be_run_again(run: Run, stack: FakeStack, state: str) -> None:
    stack.flows = {A: a_flow(A, state)}
    run("retry", A)
    assert len(stack.published) == 1


@pytest.mark.parametrize("state", ["running", "baking"])
def test_a_flow_that_runs_is_not_run_again(run: Run, stack: FakeStack, state: str) -> None:
    stack.flows = {A: a_flow(A, state)}
    assert f"has not ended, it is {state}" in run("retry", A, code=5).stderr
    assert stack.published == []


def test_a_flow_that_succeeded_has_nothing_left_to_run(run: Run, stack: FakeStack) -> None:
    stack.flows = {A: a_flow(A, "succeeded")}
    assert "nothing is left to run again" in run("retry", A, code=5).stderr


def test_a_retry_that_runs_already_is_named(run: Run, stack: FakeStack) -> None:
    stack.flows = {A: a_flow(A, "failed"), AGAIN: a_flow(AGAIN, "running", attempt=2)}
    assert f"flow {AGAIN} has not ended" in run("retry", A, code=5).stderr


def test_a_retry_that_failed_is_what_runs_again(run: Run, stack: FakeStack) -> None:
    stack.flows = {A: a_flow(A, "failed"), AGAIN: a_flow(AGAIN, "failed", attempt=2)}
    run("retry", A)
    ((_, message),) = stack.published
    assert (message["flow_id"], message["attempt"]) == (AGAIN, 3)


@pytest.mark.parametrize(("state", "code"), [("succeeded", 0), ("failed", 1)])
def test_retry_can_be_followed_to_its_end(
    run: Run, stack: FakeStack, state: str, code: int
) -> None:
    stack.flows = {A: a_flow(A, "failed")}
    # Two polls before the request, and one before the flow is known.
    come = stack.flows.__setitem__
    stack.moves = [*[lambda: None] * 3, lambda: come(AGAIN, a_flow(AGAIN, state, attempt=2))]

    assert state in run("retry", A, "--follow", code=code).stdout


def test_run_starts_what_main_is_at(run: Run, stack: FakeStack, pushed: str) -> None:
    said = run("run").stdout

    ((topic, message),) = stack.published
    assert topic == "run-flow"
    assert (message["repository"], message["ref"], message["sha"]) == (
        "acme/shop",
        "refs/heads/main",
        pushed,
    )
    parts = (message[name] for name in ("forge", "repository", "ref", "sha", "request"))
    assert message["flow_id"] == run_id_for(*parts)
    assert f"Flow {message['flow_id']} runs main of acme/shop at {pushed[:12]}." in said
    assert f"/flows/{message['flow_id']}" in said


def test_a_repository_is_named_with_its_owner(run: Run, stack: FakeStack, pushed: str) -> None:
    run("run", "--repository", "acme/shop")

    ((_, message),) = stack.published
    assert (message["repository"], message["sha"]) == ("acme/shop", pushed)


def test_an_older_commit_is_run_by_its_id(run: Run, stack: FakeStack, pushed: str) -> None:
    said = run("run", "--commit", "b" * 40).stdout

    ((_, message),) = stack.published
    assert (message["sha"], message["although_behind"]) == ("b" * 40, True)
    assert f"runs main of acme/shop at {'b' * 12}" in said
    assert pushed not in said


def test_an_older_commit_is_run_by_its_name_in_the_folder_s_repository(
    run: Run, stack: FakeStack, pushed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = WorkTree.create(tmp_path / "here")
    older = work.commit({"a": "1"})
    work.commit({"a": "2"})
    monkeypatch.chdir(work.folder)

    run("run", "--repository", "acme/shop", "--commit", "HEAD~1")

    ((_, message),) = stack.published
    assert message["sha"] == older != pushed


@pytest.mark.usefixtures("pushed")
def test_a_commit_that_is_not_there_is_told(run: Run, stack: FakeStack) -> None:
    said = run("run", "--commit", "nonsense", code=4).stderr

    assert "there is no commit nonsense in the repository of this folder" in said
    assert stack.published == []


@pytest.mark.usefixtures("pushed")
def test_two_runs_are_two_flows(run: Run, stack: FakeStack) -> None:
    run("run", "main")
    run("run", "main")

    first, second = (message["flow_id"] for _, message in stack.published)
    assert first != second


@pytest.mark.usefixtures("pushed")
def test_run_of_a_branch_that_is_not_there_is_told(run: Run, stack: FakeStack) -> None:
    assert "acme/shop has no branch gone" in run("run", "gone", code=4).stderr
    assert stack.published == []


@pytest.mark.parametrize("command", ["run", "plan"])
def test_what_is_no_branch_and_no_tag_starts_no_flow(
    run: Run, stack: FakeStack, pushed: str, command: str
) -> None:
    said = run(command, "refs/pull/7/head", code=2).stderr

    assert said == "penstock: refs/pull/7/head is no branch and no tag; only these start a flow\n"
    assert stack.published == []


@pytest.mark.usefixtures("pushed")
def test_run_of_a_repository_that_is_not_there_is_told(run: Run, stack: FakeStack) -> None:
    said = run("run", "--repository", "acme/nope", code=4).stderr

    assert "no repository acme/nope is registered in this stack, which has shop, acme/shop" in said
    assert stack.published == []


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/shop.git",
        "https://github.com/acme/shop",
        "git@github.com:acme/shop.git",
        "ssh://git@github.com/acme/shop.git",
    ],
)
def test_on_aws_the_repository_is_that_of_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    work = WorkTree.create(tmp_path, url)
    monkeypatch.chdir(work.folder)

    assert origin_of_here().name == "acme/shop"


def test_a_stack_that_is_gone_is_told(run: Run, home: Path) -> None:
    stack_at("http://127.0.0.1:9").save(home / "stack.json")
    assert "does not answer" in run("retry", A, code=3).stderr


@pytest.fixture
def proposed(stack: FakeStack) -> FakeStack:
    """A stack with acme/shop on GitHub, and a pull request of a fork that waits."""
    stack.registry.add()
    heard(stack, forges.OPENED, Head(fork="mallory/shop"))
    return stack


def heard(stack: FakeStack, what: str, head: Head) -> None:
    sender = GitHubStandIn()
    recorded = sent(sender, SECRET, sender.pull_request(what, 7, head))
    FakeEntrance(stack.registry).receive(SHOP, recorded.body, recorded.headers)


def asked(run: Run, *arguments: str, code: int = 0) -> str:
    return run(
        *("run", "--pull-request", "7", "--repository", "acme/shop"), *arguments, code=code
    ).output


def test_repo_show_lists_what_waits(run: Run, proposed: FakeStack) -> None:
    said = run("repo", "show", "acme/shop").stdout

    assert "mallory/shop" in said
    assert "it is from a fork" in said
    assert "penstock run --pull-request NUMBER" in said
    (waiting,) = json.loads(run("repo", "show", "acme/shop", "--json").stdout)["waiting"]
    assert (waiting["number"], waiting["sha"]) == (7, "a" * 40)


def test_a_fork_s_flow_is_asked_for_with_the_commit_that_was_looked_at(
    run: Run, proposed: FakeStack
) -> None:
    said = asked(run, "--at", "a" * 12)

    ((topic, message),) = proposed.published
    assert (topic, message["pull_request"], message["sha"]) == ("run-flow", 7, "a" * 40)
    assert f"Flow {message['flow_id']} runs pull request 7 of acme/shop from mallory/shop" in said


def test_a_fork_s_flow_is_not_asked_for_blindly(run: Run, proposed: FakeStack) -> None:
    said = asked(run, code=2)

    assert "say which commit you have looked at: --at aaaaaaaaaaaa is the newest" in said
    assert proposed.published == []


@pytest.mark.parametrize("at", ["b" * 12, "aaa"])
def test_another_commit_than_the_newest_is_refused(run: Run, proposed: FakeStack, at: str) -> None:
    assert f"pull request 7 is at aaaaaaaaaaaa, and not at {at}" in asked(run, "--at", at, code=5)
    assert proposed.published == []


def test_a_closed_pull_request_is_not_run(run: Run, proposed: FakeStack) -> None:
    heard(proposed, forges.CLOSED, Head(fork="mallory/shop", at="2026-01-02T03:05:00Z"))

    assert "pull request 7 is closed" in asked(run, "--at", "a" * 12, code=5)


def test_a_pull_request_that_nobody_told_of_is_named(run: Run, stack: FakeStack) -> None:
    stack.registry.add()

    assert "there is no pull request 7" in asked(run, code=4)
