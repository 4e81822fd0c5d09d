"""Source from real git repositories."""

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from build_service.adapters import git, git_tree
from build_service.adapters.git import GitSourceRepository
from build_service.adapters.network import any_address
from build_service.domain.errors import SourceError, SourceUnavailableError
from build_service.domain.source import MergeRef, SourceTree
from penstock_shared.contracts.change import Base
from penstock_shared.contracts.plan import History
from penstock_shared.errors import PenstockError
from tests.support.builders import a_change
from tests.support.git import WorkTree
from tests.support.servers import http_server

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
        GitSourceRepository(("https",), any_address).fetch(change)


def test_a_payload_cannot_name_files_where_only_https_is_allowed(work: WorkTree) -> None:
    sha = pushed(work)

    with pytest.raises(SourceError, match=r"not one that this stack fetches from \(https://\)"):
        GitSourceRepository(("https",)).fetch(a_change(clone_url=work.remote, sha=sha))


def test_too_much_source_is_refused_with_the_limit(
    work: WorkTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_tree, "MOST_FILES", 2)
    sha = pushed(work)

    with pytest.raises(SourceError, match="more than 2 files and folders"):
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


def test_the_commit_that_the_branch_is_at_is_told(work: WorkTree) -> None:
    older = pushed(work)
    newer = pushed(work, {"a.txt": "newer"})

    assert fetch(work, older).head == newer
    assert fetch(work, newer).head == newer


def test_a_branch_that_is_gone_has_no_head(work: WorkTree) -> None:
    sha = pushed(work)
    repository = GitSourceRepository(("file",))

    change = a_change(clone_url=work.remote, sha=sha, ref="refs/heads/gone")
    assert repository.fetch(change).head == ""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://host.invalid:99999/x.git", "cannot be read"),
        ("https://host.invalid:port/x.git", "cannot be read"),
        ("https://[::1/x.git", "cannot be read"),
        ("https:///x.git", "names no host"),
        ("https://host.invalid:0/x.git", "names no host"),
        ("git@host.invalid:x.git", "is not one that this stack fetches from"),
        ("ssh://host.invalid/x.git", "is not one that this stack fetches from"),
    ],
)
def test_an_address_that_makes_no_sense_is_named(url: str, expected: str) -> None:
    with pytest.raises(SourceError, match=expected):
        GitSourceRepository(("https",)).fetch(a_change(clone_url=url))


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (401, SourceError, "asks for a token, and there is none"),
        (403, SourceError, "403"),
        (404, SourceError, "there is no git repository"),
        (429, SourceUnavailableError, "429"),
        (500, SourceUnavailableError, "500"),
    ],
)
def test_a_server_s_refusal_is_final_or_not_as_it_says(
    status: int, kind: type[Exception], expected: str
) -> None:
    class Refuses(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http_server(Refuses) as url, pytest.raises(kind, match=expected):
        GitSourceRepository(("http",), any_address).fetch(a_change(clone_url=f"{url}/shop.git"))


def test_an_answer_that_is_no_git_is_told(tmp_path: Path) -> None:
    class Talks(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
            self.end_headers()
            self.wfile.write(b"00zz\xff\xfe not a packet")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http_server(Talks) as url, pytest.raises(PenstockError, match=f"{url}/shop.git"):
        GitSourceRepository(("http",), any_address).fetch(a_change(clone_url=f"{url}/shop.git"))


def test_names_and_link_targets_need_not_be_utf_8(work: WorkTree) -> None:
    folder = os.fsencode(work.folder)
    Path(os.fsdecode(folder + b"/\xff.txt")).write_text("odd")
    Path(os.fsdecode(folder + b"/link")).symlink_to(os.fsdecode(b"\xff.txt"))
    tree = fetch(work, pushed(work, {}))

    with tarfile.open(fileobj=io.BytesIO(tree.archive(History.NONE))) as archive:
        names = {os.fsencode(member.name): member for member in archive.getmembers()}
    assert os.fsencode(names[b"link"].linkname) == b"\xff.txt"
    assert b"\xff.txt" in names
    assert tree.digest("*.txt")


def bomb(work: WorkTree, depth: int) -> str:
    """A commit of a tree that holds itself sixteenfold, level upon level; returns its id."""
    blob = work.git("hash-object", "-w", "/dev/null")
    entries = [f"100644 blob {blob}\t{number:x}" for number in range(16)]
    for _ in range(depth):
        tree = made(work, "mktree", "\n".join(entries).encode())
        entries = [f"040000 tree {tree}\t{number:x}" for number in range(16)]
    root = made(work, "mktree", "\n".join(entries).encode())
    sha = work.git("commit-tree", root, "-m", "Boom")
    work.git("push", "--quiet", "origin", f"{sha}:refs/heads/main")
    return sha


def made(work: WorkTree, command: str, text: bytes) -> str:
    done = subprocess.run(
        ["git", command], cwd=work.folder, input=text, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def test_a_tree_that_unfolds_to_billions_of_files_is_refused_while_it_is_counted(
    work: WorkTree,
) -> None:
    sha = bomb(work, depth=9)

    with pytest.raises(SourceError, match="more than 50000 files and folders"):
        fetch(work, sha)


@pytest.mark.parametrize("name", [".git", "..", ".", ".GIT", ""])
def test_a_name_that_git_would_not_make_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match="that no git checks out"):
        git._check_path(f"a/{name}/b")


def test_a_path_that_no_system_can_open_is_refused() -> None:
    with pytest.raises(SourceError, match="more than 4096 characters"):
        git._check_path("a/" * 3000)


class Proposed:
    """A pull request in a real repository: a head, and the forge's merge of it into main."""

    def __init__(self, work: WorkTree) -> None:
        self.work = work
        self.base = pushed(work)
        work.git("checkout", "--quiet", "-b", "feature")
        self.head = work.commit({"mine.txt": "mine"}, "Mine\n\n[skip ci]")
        work.push("feature")
        work.git("checkout", "--quiet", "main")
        self.main = pushed(work, {"theirs.txt": "theirs"})
        self.merge = self.merged()

    def merged(self) -> str:
        """Merge the head into main as the forge does, at its own ref; returns the commit."""
        self.work.git("checkout", "--quiet", "--detach", "main")
        self.work.git("merge", "--quiet", "--no-ff", "-m", "Merge", "feature")
        sha = self.work.git("rev-parse", "HEAD")
        self.work.git("push", "--quiet", "--force", "origin", "HEAD:refs/pull/7/merge")
        return sha

    def fetch(self, *, awaited: bool, number: int = 7) -> SourceTree:
        change = a_change(
            clone_url=self.work.remote,
            ref="refs/heads/feature",
            sha=self.head,
            pull_request=number,
            base=Base(ref="refs/heads/main"),
        )
        merge = MergeRef(ref=f"refs/pull/{number}/merge", awaited=awaited)
        return GitSourceRepository(("file",)).fetch(change, merge=merge)


def test_a_pull_request_is_fetched_as_it_would_be_merged(work: WorkTree) -> None:
    proposed = Proposed(work)

    tree = proposed.fetch(awaited=True)

    assert tree.merge == proposed.merge
    assert tree.files.keys() >= {"mine.txt", "theirs.txt"}
    assert tree.head == proposed.head
    assert tree.message.startswith("Mine")
    git_folder = dict(unpacked(tree.archive(History.COMMIT)))
    assert proposed.merge.encode() in git_folder[".git/packed-refs"]


def unpacked(archive: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for member in opened.getmembers():
            if content := opened.extractfile(member):
                yield member.name, content.read()


def test_a_merge_of_an_earlier_head_is_awaited_where_the_forge_always_makes_one(
    work: WorkTree,
) -> None:
    proposed = Proposed(work)
    work.git("checkout", "--quiet", "feature")
    proposed.head = work.commit({"mine.txt": "newer"})
    work.push("feature")

    with pytest.raises(
        SourceUnavailableError, match=r"is no merge of .*: does pull request 7 have conflicts with"
    ):
        proposed.fetch(awaited=True)

    proposed.merge = proposed.merged()
    assert proposed.fetch(awaited=True).merge == proposed.merge


@pytest.mark.parametrize("number", [7, 8], ids=["of an earlier head", "missing"])
def test_a_head_is_fetched_where_the_forge_need_not_merge(work: WorkTree, number: int) -> None:
    proposed = Proposed(work)
    work.git("checkout", "--quiet", "feature")
    proposed.head = work.commit({"mine.txt": "newer"})
    work.push("feature")

    tree = proposed.fetch(awaited=False, number=number)

    assert tree.merge == ""
    assert tree.read("mine.txt") == b"newer"
    assert "theirs.txt" not in tree.files


def test_the_head_of_an_annotated_tag_is_its_commit(work: WorkTree) -> None:
    sha = pushed(work)
    work.git("tag", "--annotate", "--message=One", "v1")
    work.git("push", "--quiet", "origin", "v1")
    tag = work.git("rev-parse", "v1")
    repository = GitSourceRepository(("file",))

    for named in (sha, tag):
        change = a_change(clone_url=work.remote, ref="refs/tags/v1", sha=named)
        tree = repository.fetch(change)
        assert (tree.head, tree.read("a.txt")) == (sha, b"a")
