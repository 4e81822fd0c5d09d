"""The snapshot of a commit, unpacked as a runner does, and judged by real git."""

import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from build_service.adapters import git as git_adapter
from build_service.adapters.git import GitSourceRepository
from build_service.domain.errors import SourceError
from penstock_runner.adapters.archive import Archive
from penstock_runner.adapters.snapshots import Snapshot
from penstock_shared.contracts.plan import History
from tests.support.builders import a_change
from tests.support.git import NOBODY, WorkTree

FILES = {"a.txt": "one\n", "deep/er/b.txt": "b", "run.sh": "#!/bin/sh\n", "empty": ""}
COMMITTED = 1_767_323_045  # 2026-01-02T03:04:05Z, when WorkTree commits


@pytest.fixture
def work(tmp_path: Path) -> WorkTree:
    tree = WorkTree.create(tmp_path)
    tree.write(FILES)
    (tree.folder / "run.sh").chmod(0o755)
    (tree.folder / "link").symlink_to("a.txt")
    (tree.folder / "not utf-8").symlink_to("caf\udce9")
    tree.commit({})
    return tree


def archive_of(work: WorkTree, history: History, ref: str = "refs/heads/main") -> bytes:
    sha = work.git("rev-parse", "HEAD")
    change = a_change(clone_url=work.remote, sha=sha, ref=ref)
    return GitSourceRepository(("file",)).fetch(change).archive(history)


Job = Callable[..., WorkTree]


@pytest.fixture
def job(work: WorkTree, tmp_path: Path) -> Job:
    """Pushes, and gives the work tree that a job of this commit finds."""

    def checkout(
        history: History = History.COMMIT,
        ref: str = "refs/heads/main",
        inputs: tuple[str, ...] = (),
    ) -> WorkTree:
        work.push()
        work.git("push", "--quiet", "--tags", "origin")
        folder = tmp_path / "job"
        folder.mkdir()
        Snapshot(Archive(io.BytesIO(archive_of(work, history, ref)))).unpack(folder, inputs)
        return WorkTree(folder, work.remote)

    return checkout


def test_a_job_finds_a_repository_at_its_commit_with_nothing_to_commit(
    work: WorkTree, job: Job
) -> None:
    found = job()

    assert found.git("rev-parse", "HEAD") == work.git("rev-parse", "HEAD")
    assert found.git("rev-parse", "--show-toplevel") == str(found.folder)
    assert found.git("branch", "--show-current") == "main"
    assert found.git("status", "--porcelain", "--ignored") == ""
    assert found.git("remote", "get-url", "origin") == work.remote
    assert found.git("log", "--format=%s") == "Change something"
    found.git("fsck", "--strict")


def test_everything_is_dated_by_the_commit(job: Job) -> None:
    found = job()

    paths = [path for path in found.folder.rglob("*") if ".git" not in path.parts]
    assert {path.lstat().st_mtime for path in paths} == {COMMITTED}


def test_git_reads_no_file_again_to_know_that_none_has_changed(job: Job) -> None:
    found = job()
    # The same size and the same time, which only reading would tell from the committed file.
    (found.folder / "a.txt").write_text("two\n")
    os.utime(found.folder / "a.txt", (COMMITTED, COMMITTED))

    assert found.git("status", "--porcelain") == ""


def test_an_edit_is_noticed(job: Job) -> None:
    found = job()
    (found.folder / "a.txt").write_text("two\n")

    assert found.git("diff", "--name-only") == "a.txt"


def test_a_reset_and_a_clean_put_everything_back(job: Job) -> None:
    found = job()
    found.write({"a.txt": "changed", "new.txt": "new"})
    (found.folder / "run.sh").unlink()

    found.git("reset", "--quiet", "--hard")
    found.git("clean", "--quiet", "-fdx")

    assert found.git("status", "--porcelain", "--ignored") == ""
    assert (found.folder / "a.txt").read_text() == FILES["a.txt"]
    assert not (found.folder / "new.txt").exists()


def test_what_penstock_adds_leaves_a_work_tree_clean(job: Job) -> None:
    found = job()
    found.write({"deep/.penstock/artifact.zip": "", "deep/.penstock-artifact.zip": ""})

    assert found.git("status", "--porcelain") == ""


def test_the_commit_alone_is_a_shallow_clone(work: WorkTree, job: Job) -> None:
    work.commit({"a.txt": "newer"}, "Newer")

    found = job()

    assert found.git("log", "--format=%s") == "Newer"
    assert found.git("rev-parse", "--is-shallow-repository") == "true"
    found.git("fsck", "--strict")


def a_history_with_tags(work: WorkTree) -> None:
    """Tags of both kinds, a branch that is merged, and a tag that is not behind the commit."""
    work.git("tag", "--annotate", "--message=The first", "v1.0.0")
    work.git("switch", "--quiet", "--create", "side")
    work.commit({"side.txt": "side"}, "Beside")
    work.git("tag", "side-tag")
    work.git("switch", "--quiet", "main")
    work.commit({"a.txt": "second"}, "Second")
    work.git("tag", "v1.1.0")
    work.git("merge", "--quiet", "--no-ff", "--message=Merge", "side")
    work.git("switch", "--quiet", "--create", "later")
    work.commit({"a.txt": "later"}, "Later")
    work.git("tag", "v9.0.0")
    work.git("switch", "--quiet", "main")
    work.commit({"a.txt": "third"}, "Third")


# What setuptools_scm, versioneer and people ask.
DESCRIBE = ("describe", "--dirty", "--tags", "--long", "--match", "*[0-9]*")


@pytest.mark.parametrize("history", [History.TAGS, History.FULL])
def test_a_version_follows_from_the_tags(work: WorkTree, job: Job, history: History) -> None:
    a_history_with_tags(work)

    found = job(history)

    for command in (
        DESCRIBE,
        ("describe",),
        ("log", "--format=%H"),
        ("rev-list", "--count", "HEAD"),
    ):
        assert found.git(*command) == work.git(*command)
    assert found.git("tag").split() == ["side-tag", "v1.0.0", "v1.1.0"]
    assert found.git("cat-file", "-t", "v1.0.0") == "tag"
    assert found.git("status", "--porcelain") == ""
    assert found.git("rev-parse", "--is-shallow-repository") == "false"
    found.git("fsck")


def test_the_full_history_has_every_file(work: WorkTree, job: Job) -> None:
    a_history_with_tags(work)

    found = job(History.FULL)

    assert found.git("log", "--stat") == work.git("log", "--stat")
    assert found.git("show", "v1.0.0:a.txt") == "one"


def test_tags_bring_no_files_of_the_past(work: WorkTree, job: Job) -> None:
    first = work.git("rev-parse", "HEAD^{tree}")
    work.commit({"a.txt": "newer"}, "Newer")

    found = job(History.TAGS)
    found.git("remote", "set-url", "origin", "file:///nowhere")

    with pytest.raises(subprocess.CalledProcessError):
        found.git("cat-file", "-e", first)


def test_without_history_there_is_no_repository(job: Job) -> None:
    assert not (job(History.NONE).folder / ".git").exists()


def test_a_flow_of_a_tag_is_at_that_tag(work: WorkTree, job: Job) -> None:
    work.git("tag", "v2.0.0")

    found = job(ref="refs/tags/v2.0.0")

    assert found.git("describe", "--tags", "--exact-match") == "v2.0.0"
    assert found.git("branch", "--show-current") == ""


def test_a_submodule_is_an_empty_folder(work: WorkTree, job: Job) -> None:
    work.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendored")
    work.git("commit", "--quiet", "--message=Add a submodule")

    found = job()

    assert list((found.folder / "vendored").iterdir()) == []
    assert found.git("status", "--porcelain") == ""


@pytest.mark.parametrize("history", History)
def test_the_same_commit_makes_the_same_bytes_however_its_repository_is_packed(
    work: WorkTree, history: History
) -> None:
    a_history_with_tags(work)
    work.push()
    first = archive_of(work, history)
    bare = work.remote.removeprefix("file://")
    repack = ["git", "-C", bare, "repack", "-adfq", "--depth=50"]
    subprocess.run(repack, env=NOBODY, check=True)

    assert archive_of(work, history) == first


@pytest.mark.parametrize("date", ["@0 +0000", "@99999999999 +0000"])
def test_a_date_that_no_zip_knows_is_moved_to_one_that_it_does(
    work: WorkTree, job: Job, date: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NOBODY, "GIT_COMMITTER_DATE", date)
    work.commit({"a.txt": "dated\n"})

    found = job()

    assert 315_532_800 <= (found.folder / "a.txt").stat().st_mtime <= 4_102_444_800
    assert found.git("status", "--porcelain") == ""


def test_credentials_of_an_address_reach_no_job(work: WorkTree, job: Job) -> None:
    work.push()
    sha = work.git("rev-parse", "HEAD")
    change = a_change(
        clone_url=work.remote.replace("file://", "file://me:secret@localhost"), sha=sha
    )
    archive = GitSourceRepository(("file",)).fetch(change).archive(History.COMMIT)

    folder = Path(work.folder.parent / "unpacked")
    folder.mkdir()
    Snapshot(Archive(io.BytesIO(archive))).unpack(folder)
    assert "secret" not in (folder / ".git/config").read_text()


@pytest.mark.parametrize("ref", ["refs/heads/a\nb", "refs/heads/..", "nonsense"])
def test_a_ref_that_git_would_not_have_leaves_the_commit_detached(job: Job, ref: str) -> None:
    found = job(ref=ref)

    assert found.git("branch", "--show-current") == ""
    assert found.git("status", "--porcelain") == ""


def test_a_tree_with_a_git_folder_of_its_own_is_refused(work: WorkTree) -> None:
    tree = work.git("rev-parse", "HEAD^{tree}")
    evil = subprocess.run(
        ["git", "mktree"], input=f"040000 tree {tree}\t.GIT\n", cwd=work.folder, env=NOBODY,
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    work.git("reset", "--quiet", "--soft", work.git("commit-tree", evil, "-m", "Evil"))
    work.push()

    with pytest.raises(SourceError, match=r"a path that no git checks out: '.GIT'"):
        archive_of(work, History.COMMIT)


def test_too_much_history_is_refused_with_what_to_say_instead(
    work: WorkTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in (3000, 4000, 1):
        work.commit({"a.txt": "x" * size})
    work.push()
    monkeypatch.setattr(git_adapter, "MOST_BYTES", 5000)

    with pytest.raises(SourceError, match="Say `history: tags`"):
        archive_of(work, History.FULL)


PART = {
    "libs/money/a.py": "money",
    "libs/other/b.py": "other",
    "services/orders/handler.py": "orders",
    "services/orders/[x]/y z.py": "odd",
    "services/billing/handler.py": "billing",
    "scripts/build.sh": "build",
    "pyproject.toml": "",
    ".gitignore": "*.pyc\n",
}
INPUTS = ("services/orders", "libs/money/**", "pyproject.toml", ".gitignore", "*.txt", "link")


@pytest.fixture
def part(work: WorkTree, job: Job) -> WorkTree:
    """What a job of one component finds."""
    work.commit(PART, "A component and its neighbours")
    work.git("tag", "v1.2.3")
    found = job(inputs=INPUTS)
    # So that git cannot fetch what it misses.
    found.git("remote", "set-url", "origin", "file:///nowhere")
    return found


def files_of(tree: WorkTree) -> set[str]:
    paths = (path.relative_to(tree.folder) for path in tree.folder.rglob("*") if not path.is_dir())
    return {str(path) for path in paths if path.parts[0] != ".git"}


HAS = {
    "libs/money/a.py",
    "services/orders/handler.py",
    "services/orders/[x]/y z.py",
    "pyproject.toml",
    ".gitignore",
    "a.txt",
    "link",
}


def test_a_part_of_the_tree_has_the_files_that_its_inputs_name(part: WorkTree) -> None:
    assert files_of(part) == HAS


def test_git_takes_a_part_of_the_tree_for_clean(work: WorkTree, part: WorkTree) -> None:
    assert part.git("status", "--porcelain", "--ignored") == ""
    assert part.git("rev-parse", "HEAD") == work.git("rev-parse", "HEAD")
    assert part.git("branch", "--show-current") == "main"
    assert part.git("log", "--format=%s") == "A component and its neighbours"
    assert part.git("ls-tree", "-r", "HEAD") == work.git("ls-tree", "-r", "HEAD")
    assert part.git("ls-files", "-t", "scripts") == "S scripts/build.sh"
    assert part.git("describe", "--always", "--dirty") == work.git("rev-parse", "--short", "HEAD")
    part.git("fsck", "--strict")


def test_an_edit_in_a_part_of_the_tree_is_noticed(part: WorkTree) -> None:
    part.write({"services/orders/handler.py": "edited", "services/orders/new.py": ""})

    assert part.git("status", "--porcelain").split("\n") == [
        "M services/orders/handler.py",
        "?? services/orders/new.py",
    ]
    assert part.git("diff", "--stat", "--no-color", "HEAD").endswith(
        "1 insertion(+), 1 deletion(-)"
    )


@pytest.mark.parametrize("reset", [("reset", "--hard"), ("checkout", "--force"), ("restore", ".")])
def test_putting_a_part_of_the_tree_back_brings_nothing_else(
    part: WorkTree, reset: tuple[str, ...]
) -> None:
    part.write({"services/orders/handler.py": "edited", "services/orders/new.py": ""})
    (part.folder / "libs/money/a.py").unlink()

    part.git(*reset)
    part.git("clean", "-fdx")

    assert files_of(part) == HAS
    assert (part.folder / "services/orders/handler.py").read_text() == "orders"
    assert (part.folder / "services/orders/[x]/y z.py").read_text() == "odd"
    assert part.git("status", "--porcelain", "--ignored") == ""


def test_a_part_of_the_tree_has_no_content_of_the_rest(part: WorkTree) -> None:
    assert part.git("show", "HEAD:services/orders/handler.py") == "orders"
    with pytest.raises(subprocess.CalledProcessError):
        part.git("show", "HEAD:scripts/build.sh")


def test_a_part_of_a_tree_without_a_repository_is_its_files(work: WorkTree, job: Job) -> None:
    work.commit(PART)

    found = job(History.NONE, inputs=INPUTS)

    assert files_of(found) == HAS
    assert not (found.folder / ".git").exists()


def test_the_contents_of_a_part_of_the_tree_are_in_one_pack_that_git_verifies(
    work: WorkTree, job: Job
) -> None:
    sizes = (0, 1, 15, 16, 2047, 2048, 70_000, 3_000_000)
    work.commit({f"deep/{size}": "x" * size for size in sizes})

    found = job(inputs=("deep",))

    objects = [path for path in (found.folder / ".git/objects").rglob("*") if path.is_file()]
    assert sorted(path.suffix for path in objects) == [".idx", ".pack", ".promisor"]
    (index,) = (path for path in objects if path.suffix == ".idx")
    found.git("verify-pack", str(index))
    found.git("fsck", "--strict")
    for size in sizes:
        assert found.git("cat-file", "-s", f"HEAD:deep/{size}") == str(size)
