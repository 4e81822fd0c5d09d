"""Files in Git LFS: fetched with the source, or named when they cannot be had."""

import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from build_service.adapters import git_lfs
from build_service.adapters.git import GitSourceRepository
from build_service.adapters.git_lfs import LfsServer, Pointer, pointer_in
from build_service.adapters.network import any_address, public_address
from build_service.domain.errors import SourceError, SourceTooLargeError, SourceUnavailableError
from penstock_runner.adapters.snapshots import OpenSnapshots
from penstock_shared.contracts.plan import History
from penstock_shared.contracts.registry import ReadCredential
from tests.support.builders import a_change
from tests.support.git import WorkTree
from tests.support.private_git import Certificate
from tests.support.servers import http_server

CONTENT = b"a large picture\n" * 10
OID = sha256(CONTENT).hexdigest()
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize {len(CONTENT)}\n"
PICTURE = Pointer("art/logo.psd", OID, len(CONTENT))
LOGIN = ReadCredential(user="penstock", token="t0ken")


@dataclass
class FakeLfs:
    """A server of Git LFS. `change` alters what it answers to a batch."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=lambda: {OID: CONTENT})
    change: Callable[[dict[str, Any]], None] = lambda _answer: None
    status: int = 200
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def batch(self, request: dict[str, Any]) -> dict[str, Any]:
        found = [
            {
                "oid": one["oid"],
                "size": one["size"],
                "actions": {
                    "download": {
                        "href": f"{self.url}/objects/{one['oid']}",
                        "header": {"X-Ticket": "t1"},
                    }
                },
            }
            for one in request["objects"]
            if one["oid"] in self.objects
        ]
        answer = {"transfer": "basic", "objects": found}
        self.change(answer)
        return answer


def serve(fake: FakeLfs) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._note(self.headers.get("Authorization", ""))
            self._answer(json.dumps(fake.batch(request)).encode())

        def do_GET(self) -> None:
            self._note(self.headers.get("X-Ticket", ""))
            self._answer(fake.objects.get(self.path.rpartition("/")[2], b""))

        def _note(self, shown: str) -> None:
            fake.asked.append((self.command, self.path, shown))

        def _answer(self, body: bytes) -> None:
            self.send_response(fake.status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture
def fake(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeLfs]:
    certificate = Certificate.make(tmp_path_factory.mktemp("certificate"))
    monkeypatch.setenv("SSL_CERT_DIR", certificate.trusting)
    fake = FakeLfs()
    with http_server(serve(fake), certificate.file) as address:
        fake.url = address
        yield fake


def server(fake: FakeLfs, path: str = "/acme/shop") -> LfsServer:
    return LfsServer(f"{fake.url}{path}", any_address, LOGIN)


def test_contents_come_from_the_server_of_the_repository(fake: FakeLfs) -> None:
    assert server(fake).contents([PICTURE]) == {OID: CONTENT}

    (asked, got) = fake.asked
    assert asked[:2] == ("POST", "/acme/shop.git/info/lfs/objects/batch")
    assert asked[2].startswith("Basic ")
    assert got == ("GET", f"/objects/{OID}", "t1")


def test_many_are_asked_for_in_few_batches(fake: FakeLfs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_lfs, "_BATCH", 2)
    contents = [f"{number}".encode() for number in range(5)]
    fake.objects = {sha256(each).hexdigest(): each for each in contents}
    pointers = [Pointer(oid, oid, len(each)) for oid, each in fake.objects.items()]

    assert server(fake, "/shop.git").contents(pointers) == fake.objects
    assert [method for method, _, _ in fake.asked].count("POST") == 3


def a_redirect(fake: FakeLfs) -> None:
    fake.status = 302


def other_content(fake: FakeLfs) -> None:
    fake.objects = {OID: b"x" * len(CONTENT)}


def more_content(fake: FakeLfs) -> None:
    fake.objects = {OID: CONTENT * 1000}


def nothing(fake: FakeLfs) -> None:
    fake.objects = {}


def a_file(fake: FakeLfs) -> None:
    def change(answer: dict[str, Any]) -> None:
        answer["objects"][0]["actions"]["download"]["href"] = "file:///etc/passwd"

    fake.change = change


def nonsense(fake: FakeLfs) -> None:
    fake.change = lambda answer: answer.update(objects=[7, {"oid": OID, "actions": []}])


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (a_redirect, "127.0.0.1 answers with HTTP 302"),
        (other_content, "is not the content that its pointer names"),
        (more_content, "is not the content that its pointer names"),
        (nothing, "127.0.0.1 does not hand it out"),
        (a_file, "at an address that is not https"),
        (nonsense, "127.0.0.1 does not hand it out"),
    ],
)
def test_what_cannot_be_had_is_named(
    spoil: Callable[[FakeLfs], None], reason: str, fake: FakeLfs
) -> None:
    spoil(fake)

    with pytest.raises(SourceError, match=reason) as raised:
        server(fake).contents([PICTURE])
    assert str(raised.value).startswith("art/logo.psd is in Git LFS, and ")
    assert "say `lfs: false` in penstock.yml" in str(raised.value)


def test_a_server_that_is_down_may_be_asked_again(fake: FakeLfs) -> None:
    fake.status = 503

    with pytest.raises(SourceUnavailableError, match="answers with HTTP 503"):
        server(fake).contents([PICTURE])


def test_it_ends_before_the_function_that_asks(fake: FakeLfs) -> None:
    slow = LfsServer(f"{fake.url}/shop", any_address, LOGIN, until=0.0)

    with pytest.raises(SourceUnavailableError, match="take longer than 22 s"):
        slow.contents([PICTURE])


def test_a_private_address_is_not_asked(fake: FakeLfs) -> None:
    with pytest.raises(SourceError, match="which is no public address"):
        LfsServer(f"{fake.url}/shop", public_address).contents([PICTURE])
    assert fake.asked == []


def test_too_much_is_refused_before_anybody_is_asked(fake: FakeLfs) -> None:
    with pytest.raises(SourceTooLargeError, match=r"of which big\.bin has 1,000,000,000"):
        server(fake).contents([PICTURE, Pointer("big.bin", "0" * 64, 10**9)])
    assert fake.asked == []


@pytest.mark.parametrize(
    "content",
    [
        POINTER + "more\n",
        POINTER.replace("sha256", "md5"),
        POINTER.replace(OID, "x"),
        "version https://git-lfs.github.com/spec/v1\n" * 100,
        "",
    ],
)
def test_what_only_looks_like_a_pointer_is_a_file(content: str) -> None:
    assert pointer_in("x", content.encode()) is None


@pytest.fixture
def work(tmp_path: Path) -> WorkTree:
    return WorkTree.create(tmp_path / "work")


def kept_in_lfs(work: WorkTree) -> str:
    """A commit with a pointer, whose content is where `git lfs push` to a folder puts it."""
    sha = work.commit({".gitattributes": "*.psd filter=lfs\n", "art/logo.psd": POINTER, "a": "a"})
    work.push()
    stored = Path(work.remote.removeprefix("file://"), "lfs/objects", OID[:2], OID[2:4], OID)
    stored.parent.mkdir(parents=True)
    stored.write_bytes(CONTENT)
    return sha


def archived(work: WorkTree, sha: str, *, lfs: bool = True) -> bytes:
    change = a_change(clone_url=work.remote, sha=sha)
    tree = GitSourceRepository(("file",)).fetch(change)
    return tree.archive(History.COMMIT, lfs=lfs)


def unpacked(archive: bytes, folder: Path, inputs: tuple[str, ...] = ()) -> Path:
    folder.mkdir()
    digest = sha256(archive).hexdigest()
    opened = OpenSnapshots(folder.parent).get(digest, lambda: io.BytesIO(archive))
    opened.unpack(folder, inputs)
    return folder


@pytest.mark.parametrize("inputs", [(), ("art",)])
def test_jobs_find_the_content_in_a_clean_work_tree(
    inputs: tuple[str, ...], work: WorkTree, tmp_path: Path
) -> None:
    source = unpacked(archived(work, kept_in_lfs(work)), tmp_path / "job", inputs)

    assert (source / "art/logo.psd").read_bytes() == CONTENT
    status = ["git", "-C", str(source), "-c", "filter.lfs.required=false", "status", "--porcelain"]
    assert subprocess.run(status, capture_output=True, text=True, check=True).stdout == ""


def test_without_lfs_jobs_find_the_pointer(work: WorkTree) -> None:
    archive = archived(work, kept_in_lfs(work), lfs=False)

    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        found = opened.extractfile("art/logo.psd")
        assert found
        assert found.read() == POINTER.encode()


def test_a_local_repository_without_the_content_is_named(work: WorkTree) -> None:
    sha = work.commit({"logo.psd": POINTER})
    work.push()

    with pytest.raises(SourceError, match=r"logo\.psd is in Git LFS, and .* does not have its"):
        archived(work, sha)
