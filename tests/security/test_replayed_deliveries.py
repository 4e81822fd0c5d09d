"""A signed delivery that is sent again, or made by whoever has the secret, names what it likes.

The attack: a delivery of a commit that main left long ago was sent again after its flow's record
had expired, and released that commit where environments are `parallel`. With the secret it could
name any commit that the server hands out, also one of a fork. `penstock run` could too.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from build_service.adapters.git import GitSourceRepository
from build_service.adapters.network import any_address
from build_service.domain.build import BuildState
from build_service.domain.drafting import PlanAnswer, PlanRequest
from build_service.use_cases.draft_plan import DraftPlan
from penstock_shared.contracts.change import Trust
from penstock_shared.contracts.events import FlowSuperseded
from penstock_shared.contracts.registration import Allowance
from penstock_shared.contracts.registry import ReadCredential
from penstock_shared.observability import Telemetry
from tests.support.builders import FLOW_ID, a_change
from tests.support.git import WorkTree
from tests.support.git_server import served
from tests.support.objects import a_bucket
from tests.unit.build_service.test_building import NEWER, OLDER, RELEASE, FakeBuild

COMMITTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
"""The moment of all commits of a WorkTree."""
LATELY, LONG_AFTER = COMMITTED + timedelta(minutes=59), COMMITTED + timedelta(minutes=61)
FILES = {"penstock.yml": RELEASE % ("parallel", "parallel"), "app/a": "1"}


class Main:
    """A repository with a branch main, and the planner that fetches it from where it is served."""

    def __init__(self, work: WorkTree, clone_url: str, credential: ReadCredential | None) -> None:
        self.work, self.clone_url, self.credential = work, clone_url, credential
        self.draft = DraftPlan(
            GitSourceRepository(("file", "http"), any_address), a_bucket(), Telemetry("build")
        )

    def push(self, text: str, *, branch: str = "main") -> str:
        sha = self.work.commit({**FILES, "app/a": text})
        self.work.push(branch)
        return sha

    def git(self, *arguments: str) -> str:
        return self.work.git(*arguments)

    def told_of(self, sha: str, trust: Trust = Trust.RELEASE, **change: Any) -> PlanAnswer:
        """What the planner answers to a delivery about main."""
        told = {"clone_url": self.clone_url, "sha": sha, "pushed_at": LONG_AFTER, **change}
        request = PlanRequest(
            flow_id=FLOW_ID,
            change=a_change(**told),
            trust=trust,
            allowance=Allowance(protected=("refs/heads/main",)),
            credential=self.credential,
        )
        return self.draft(request)


@pytest.fixture(params=["file", "http"])
def main(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Main]:
    work = WorkTree.create(tmp_path)
    if request.param == "file":
        yield Main(work, work.remote, None)
        return
    work.git("-C", str(tmp_path / "origin.git"), "config", "uploadpack.allowAnySHA1InWant", "true")
    with served(tmp_path / "home") as server:
        (server.home.repositories / "shop.git").symlink_to(tmp_path / "origin.git")
        user, _, token = server.home.git_login().partition(":")
        address = f"http://127.0.0.1:{server.server_address[1]}/shop.git"
        yield Main(work, address, ReadCredential(user=user, token=token))


def test_what_main_left_long_ago_is_not_released_by_its_delivery(main: Main) -> None:
    older, newer = main.push("1"), main.push("2")

    told = main.told_of(older)

    assert told.overtaken
    assert told.refusal == (
        f"main is at {newer[:12]} now, and no longer at {older[:12]}; "
        f"`penstock run main --commit {older}` runs an older commit of it"
    )


def test_pushes_that_come_quickly_after_each_other_all_flow(main: Main) -> None:
    pushed = [main.push(text) for text in "123"]

    assert [main.told_of(sha, pushed_at=LATELY).refusal for sha in pushed] == ["", "", ""]


def test_a_branch_that_is_put_back_flows(main: Main) -> None:
    older, _ = main.push("1"), main.push("2")
    main.git("push", "--quiet", "--force", "origin", f"{older}:refs/heads/main")

    assert not main.told_of(older).refusal


def test_what_was_forced_away_is_not_released_however_new_it_is(main: Main) -> None:
    good, bad = main.push("1"), main.push("backdoor")
    main.git("push", "--quiet", "--force", "origin", f"{good}:refs/heads/main", "HEAD:refs/heads/x")

    assert main.told_of(bad, pushed_at=LATELY).overtaken


def test_a_commit_of_another_branch_is_not_main_s(main: Main) -> None:
    main.push("1")
    other = main.push("not reviewed", branch="feature")

    assert main.told_of(other, pushed_at=LATELY).overtaken


def test_a_commit_that_a_merge_brought_in_was_never_main_s(main: Main) -> None:
    first = main.push("1")
    half = main.push("half of a feature", branch="feature")
    main.git("checkout", "--quiet", "-B", "main", first)
    main.git("merge", "--quiet", "--no-ff", half)
    main.work.push()

    assert main.told_of(half, pushed_at=LATELY).overtaken


def test_nothing_of_a_branch_that_is_gone_is_released(main: Main) -> None:
    sha = main.push("1")
    main.git("push", "--quiet", "origin", f"{sha}:refs/heads/kept", ":refs/heads/main")

    assert main.told_of(sha).refusal.startswith("main is gone")


def test_a_person_may_run_any_commit_of_main(main: Main) -> None:
    older, _ = main.push("1"), main.push("2")

    assert not main.told_of(older, although_behind=True).refusal


def test_a_person_runs_nothing_as_main_that_main_does_not_have(main: Main) -> None:
    head = main.push("1")
    other = main.push("not reviewed", branch="feature")

    told = main.told_of(other, although_behind=True)

    assert not told.overtaken
    assert told.refusal == (
        f"main is at {head[:12]} now, and commit {other[:12]} is not in its history: "
        "a protected branch runs no others"
    )


def test_branches_that_only_check_flow_at_any_commit(main: Main) -> None:
    older, _ = main.push("1", branch="feature"), main.push("2", branch="feature")
    (main.work.folder / "penstock.yml").write_text("version: 1\ncomponents: {app: {path: app}}\n")
    checked = main.git("rev-parse", older)

    told = main.told_of(checked, Trust.CHECK, ref="refs/heads/feature")

    assert not told.overtaken


def test_an_old_delivery_ends_as_a_superseded_flow_where_environments_keep_no_order() -> None:
    fake = FakeBuild(head=NEWER, held=False)
    fake.files["penstock.yml"] = FILES["penstock.yml"]

    outcome = fake.start(sha=OLDER)

    assert outcome.record
    assert outcome.record.state is BuildState.STOPPED
    (superseded,) = fake.said.only(FlowSuperseded)
    assert superseded.reason.startswith(f"main is at {NEWER[:12]} now")


def test_an_older_commit_that_a_person_asked_for_flows_after_the_head() -> None:
    fake = FakeBuild(head=NEWER)
    fake.files["penstock.yml"] = RELEASE % ("supersede", "queue")
    fake.start("b" * 20, sha=NEWER)

    outcome = fake.start("a" * 20, sha=OLDER, although_behind=True)

    assert outcome.record
    assert outcome.record.state is BuildState.COMPLETED
