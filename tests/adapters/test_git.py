"""Source from real git repositories."""

import io
import tarfile
from pathlib import Path

import pytest

from build_service.adapters import git
from build_service.adapters.git import GitSourceRepository
from build_service.domain.errors import SourceError, SourceUnavailableError
from build_service.domain.source import SourceTree
from penstock_shared.contracts.plan import History
from tests.support.builders import a_change
from tests.support.git import WorkTree

FILES = {"a.txt": "a", "deep/er/b.txt": "b", "run.sh": "#!/bin/sh\n"}


@pytest.fixture
def work(tmp_path: Path) -> WorkTree:
    return WorkTree.create(tmp_path)


def fetch(work: WorkTree, sha: str) -> SourceTree:
    repository = GitSourceRepository(("file", "https"))
    return repository.fetch(a_change(clone_url=work.remote, sha=sha))


def pushed(work: WorkTree, files: dict[str, str] | None = None) -> str:
    sha = work.commit(files or FILES)
    work.push()
    return sha


def test_the_files_of_one_commit_are_fetched(work: WorkTree) -> None:
    tree = fetch(work, pushed(work))

    assert set(tree.files) == set(FILES)
    assert tree.folders.keys() == {".", "deep", "deep/er"}
    assert tree.read("deep/er/b.txt") == b"b"


def test_ids_are_git_s_own(work: WorkTree) -> None:
    tree = fetch(work, pushed(work))

    assert tree.tree_id == work.git("rev-parse", "HEAD^{tree}")
    assert tree.folders["deep"] == work.git("rev-parse", "HEAD:deep")


def test_an_older_commit_can_be_fetched_too(work: WorkTree) -> None:
    older = pushed(work)
    pushed(work, {"a.txt": "newer"})

    assert fetch(work, older).read("a.txt") == b"a"


def test_the_archive_holds_the_files_with_modes_and_links(work: WorkTree) -> None:
    work.write(FILES)
    (work.folder / "run.sh").chmod(0o755)
    (work.folder / "link").symlink_to("a.txt")
    tree = fetch(work, pushed(work))

    with tarfile.open(fileobj=io.BytesIO(tree.archive(History.NONE))) as archive:
        members = {member.name: member for member in archive.getmembers()}
    assert members["run.sh"].mode == 0o755
    assert members["a.txt"].mode == 0o644
    assert members["link"].linkname == "a.txt"


def test_equal_trees_committed_at_one_moment_make_equal_archives(work: WorkTree) -> None:
    first = fetch(work, pushed(work)).archive(History.NONE)
    work.commit({}, "the same files again")
    work.push()

    assert fetch(work, work.git("rev-parse", "HEAD")).archive(History.NONE) == first


def test_a_mode_changes_the_key_and_a_touched_file_does_not(work: WorkTree) -> None:
    before = fetch(work, pushed(work))
    (work.folder / "a.txt").touch()
    touched = fetch(work, pushed(work, {}))
    (work.folder / "run.sh").chmod(0o755)
    moded = fetch(work, pushed(work, {"more.txt": ""}))

    assert before.digest(".") == touched.digest(".")
    assert before.files["run.sh"] != moded.files["run.sh"]


def test_a_repository_whose_path_has_a_space_is_fetched(tmp_path: Path) -> None:
    folder = tmp_path / "my projects \u2013 50%"
    folder.mkdir()
    work = WorkTree.create(folder, (folder / "origin.git").as_uri())
    work.git("init", "--quiet", "--bare", str(folder / "origin.git"))

    assert fetch(work, pushed(work)).read("a.txt") == b"a"


def test_a_commit_that_is_not_there_is_named(work: WorkTree) -> None:
    pushed(work)

    with pytest.raises(SourceError, match=f"has no commit {'f' * 40}"):
        fetch(work, "f" * 40)


def test_a_repository_that_is_not_there_is_named(tmp_path: Path) -> None:
    nowhere = f"file://{tmp_path}/nowhere.git"

    with pytest.raises(SourceError, match="there is no git repository"):
        GitSourceRepository(("file",)).fetch(a_change(clone_url=nowhere))


def test_a_server_that_does_not_answer_may_be_asked_again() -> None:
    # Port 9 is "discard", which no one serves.
    change = a_change(clone_url="https://127.0.0.1:9/shop.git")

    with pytest.raises(SourceUnavailableError, match="cannot fetch"):
        GitSourceRepository(("https",)).fetch(change)


def test_a_payload_cannot_name_files_where_only_https_is_allowed(work: WorkTree) -> None:
    sha = pushed(work)

    with pytest.raises(SourceError, match=r"not one that this stack fetches from \(https://\)"):
        GitSourceRepository(("https",)).fetch(a_change(clone_url=work.remote, sha=sha))


def test_too_much_source_is_refused_with_the_limit(
    work: WorkTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "MOST_FILES", 2)
    sha = pushed(work)

    with pytest.raises(SourceError, match="3 files; the limit is 2"):
        fetch(work, sha)


def test_a_submodule_is_an_empty_folder_and_counts_as_a_change(work: WorkTree) -> None:
    pushed(work)
    work.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendored")
    work.git("commit", "--quiet", "--message=Add a submodule")
    work.push()
    tree = fetch(work, work.git("rev-parse", "HEAD"))

    with tarfile.open(fileobj=io.BytesIO(tree.archive(History.NONE))) as archive:
        assert archive.getmember("vendored").isdir()
    assert tree.files["vendored"] == f"160000 {'1' * 40}"
