"""Pull requests on a whole stack, from a branch of the repository and from a fork of it.

The forges are stand-ins that keep their refs in real repositories and send the deliveries that they
document.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock_shared.contracts.registry import AddRepository, ReadCredential
from tests.e2e.conftest import Trusting
from tests.e2e.test_secrets import penstock
from tests.support import forges
from tests.support.forges import Head, Message, StandIn
from tests.support.forges.github import GitHubStandIn
from tests.support.forges.gitlab import GitLabStandIn
from tests.support.git import WorkTree
from tests.support.private_git import PrivateGit, private_git
from tests.support.product import Product, Webhook, eventually
from tests.support.repositories import commands

BOTH = "cat mine theirs; echo on $PENSTOCK_SHA"
TOKEN = "t0ken-of-the-forge"  # of this test


@dataclass
class Proposal:
    """Pull request 7 of a registered repository: its branches, its merge, and its deliveries."""

    product: Product
    sender: StandIn
    webhook: Webhook
    work: WorkTree
    merge_ref: str
    fork: str = ""
    moments: int = 0

    def deliver(self, message: Message) -> Any:
        """The answer to a delivery."""
        headers = self.sender.headers(self.webhook.secret, message)
        answer = self.product.http.post(self.webhook.url, content=message.body, headers=headers)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def tell(self, what: str, *, draft: bool = False) -> Any:
        """The answer to what happened to the pull request, which is newer than all before."""
        self.moments += 1
        at = datetime(2026, 1, 2, tzinfo=UTC) + timedelta(seconds=self.moments)
        sha = self.work.git("rev-parse", "feature")
        head = Head(sha=sha, fork=self.fork, draft=draft, at=at.isoformat())
        return self.deliver(self.sender.pull_request(what, 7, head))

    def push(self, files: dict[str, str], branch: str = "feature") -> str:
        """Commit to a branch; returns the commit. The forge merges the head into main."""
        self.work.git("checkout", "--quiet", "-B", branch)
        sha = self.work.commit(files)
        self.work.push(branch)
        return sha

    def merge(self) -> str:
        """Merge the head into main at the forge's own ref; returns the commit."""
        self.work.git("checkout", "--quiet", "--detach", "main")
        self.work.git("merge", "--quiet", "--no-ff", "--message=Merge", "feature")
        sha = self.work.git("rev-parse", "HEAD")
        self.work.git("push", "--quiet", "--force", "origin", f"HEAD:{self.merge_ref}")
        self.work.git("checkout", "--quiet", "feature")
        return sha


def begun(proposal: Proposal) -> Proposal:
    """Main has gone on since the pull request's branch left it."""
    proposal.push(commands(gate=BOTH), "main")
    proposal.push({"app/mine": "mine"})
    proposal.work.git("checkout", "--quiet", "main")
    proposal.work.commit({"app/theirs": "theirs"})
    proposal.work.push("main")
    proposal.merge()
    return proposal


def registered(product: Product, name: str, sender: StandIn, url: str, **given: Any) -> Webhook:
    request = AddRepository(forge=sender.forge, full_name=name, clone_url=url, **given)
    added = product.registry.ask(request)
    address = f"{product.stack.webhook_url}/{added.repositories[0].id}"
    return Webhook(address, added.webhook_secret)


@pytest.fixture
def own(product: Product, tmp_path: Path) -> Proposal:
    """A pull request from a branch of a repository on GitHub."""
    work = WorkTree.create(tmp_path)
    name = f"acme/own-{os.getpid()}-{tmp_path.name}"
    sender = GitHubStandIn(repository=name)
    webhook = registered(product, name, sender, work.remote)
    return begun(Proposal(product, sender, webhook, work, "refs/pull/7/merge"))


def said_by(product: Product, flow: dict[str, Any], name: str) -> str:
    job = next(job for phase in flow["phases"] for job in phase["jobs"] if job["name"] == name)
    url = f"{product.stack.api_url}/flows/{flow['flow_id']}/jobs/{job['job_id']}/log"
    return "\n".join(line["text"] for line in product.http.get(url).json()["lines"])


def test_a_pull_request_is_checked_as_merged_until_it_is_over(
    product: Product, own: Proposal
) -> None:
    opened = own.tell(forges.OPENED)["flow_id"]
    flow = product.await_state(opened, "succeeded")
    printed = said_by(product, flow, "check")
    assert "minetheirs" in printed
    assert f"on {flow['pull_request']['merge']}" in printed
    assert (flow["intent"], flow["pull_request"]["base"]) == ("check", "refs/heads/main")

    own.push(commands(gate="sleep 60"))
    own.merge()
    pushed = own.tell(forges.PUSHED)["flow_id"]
    product.await_job(pushed, "check", "running")
    own.push(commands(gate="sleep 61"))
    own.merge()
    newer = own.tell(forges.PUSHED)["flow_id"]
    assert (
        f"flow {newer} checks pull request 7 instead"
        in (product.await_state(pushed, "superseded")["reason"])
    )
    assert product.await_job(pushed, "check", "cancelled")

    product.await_job(newer, "check", "running")
    closed = own.tell(forges.CLOSED)
    assert (closed["flow_id"], closed["status"]) == (newer, "closed")
    flow = product.await_state(newer, "aborted")
    assert (flow["reason"], flow["stopped_by"]) == ("pull request 7 was closed", "grace")
    assert product.await_job(newer, "check", "cancelled")


def test_what_was_merged_is_released_and_the_check_stays_passed(
    product: Product, own: Proposal
) -> None:
    checked = own.tell(forges.OPENED)["flow_id"]
    product.await_state(checked, "succeeded")
    merge = own.merge()
    own.work.git("push", "--quiet", "origin", f"{merge}:refs/heads/main")

    own.tell(forges.MERGED)
    before = own.work.git("rev-parse", "main")
    released = own.deliver(own.sender.push("refs/heads/main", before, merge))["flow_id"]

    flow = product.await_state(released, "succeeded")
    assert flow["intent"] == "release"
    assert product.flow(checked)["state"] == "succeeded"


@pytest.fixture
def server(tmp_path: Path, trusting: Trusting) -> Iterator[PrivateGit]:
    with private_git(tmp_path, trusting.certificate, "oauth2", TOKEN) as running:
        yield running


@pytest.fixture
def fork(product: Product, server: PrivateGit, tmp_path: Path) -> Proposal:
    """A merge request from a fork of a private project on GitLab, which keeps its commits too."""
    name = f"acme/forked-{tmp_path.name}"
    push_to, url = server.create(name)
    work = WorkTree.create(tmp_path / "fork", push_to)
    sender = GitLabStandIn(repository=name)
    credential = ReadCredential(user="oauth2", token=TOKEN)
    webhook = registered(product, name, sender, url, credential=credential)
    merge_ref = "refs/merge-requests/7/merge"
    return begun(Proposal(product, sender, webhook, work, merge_ref, fork="mallory/shop"))


def approve(proposal: Proposal, home: Path, sha: str, code: int = 0) -> str:
    """A person asks for the flow of the pull request; returns what the command says."""
    which = ("--pull-request", "7", "--repository", proposal.sender.repository)
    return penstock(home, "run", *which, "--at", sha[:12], code=code)


def flow_of(said: str) -> str:
    return said.partition("Flow ")[2].split()[0]


def test_a_fork_s_pull_request_runs_when_a_person_has_looked_at_it(
    product: Product, fork: Proposal, home: Path
) -> None:
    looked_at = fork.work.git("rev-parse", "feature")
    assert fork.tell(forges.OPENED)["status"] == "waiting"
    shown = penstock(home, "repo", "show", fork.sender.repository)
    assert "mallory/shop" in shown
    assert looked_at[:12] in shown

    flow = product.await_state(flow_of(approve(fork, home, looked_at)), "succeeded")
    assert "minetheirs" in said_by(product, flow, "check")
    assert TOKEN not in product.http.get(f"{product.stack.page_url}flows/{flow['flow_id']}").text

    newest = fork.push(commands(gate="sleep 60"))
    fork.merge()
    assert fork.tell(forges.PUSHED)["status"] == "waiting"
    assert "and not at" in approve(fork, home, looked_at, code=5)
    running = flow_of(approve(fork, home, newest))
    product.await_job(running, "check", "running")

    fork.tell(forges.CLOSED)

    assert product.await_state(running, "aborted")["reason"] == "pull request 7 was closed"
    assert product.await_job(running, "check", "cancelled")


def test_a_tag_releases_where_registration_and_file_ask_for_it(
    product: Product, own: Proposal, home: Path
) -> None:
    own.work.git("checkout", "--quiet", "main")
    files = commands()
    files["penstock.yml"] = files["penstock.yml"].replace("main: release, ", "")
    files["penstock.yml"] += 'tags: {"v*": release}\n'
    sha = own.push(files, "main")
    own.work.git("tag", "--annotate", "--message=One", "v1")
    own.work.git("push", "--quiet", "origin", "v1")
    tagged = own.sender.push("refs/tags/v1", "0" * 40, sha)

    assert "no protected ref" in own.deliver(tagged)["reason"]
    protect = ("--protect", "main", "--protect", "refs/tags/v*")
    penstock(home, "repo", "set", own.sender.repository, *protect)
    flow_id = eventually(lambda: own.deliver(tagged).get("flow_id"), "the tag to be protected")

    flow = product.await_state(flow_id, "succeeded")
    assert flow["intent"] == "release"
