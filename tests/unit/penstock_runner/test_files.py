"""Sources, inputs and outputs: what untrusted archives and jobs can do to the runner's files."""

import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from penstock_runner.adapters import archive as archives
from penstock_runner.adapters import transfer as transfers
from penstock_runner.adapters.archive import unpack
from penstock_runner.adapters.bucket import LIFETIME, Bucket
from penstock_runner.adapters.download_cache import DownloadCache
from penstock_runner.adapters.http import Connections
from penstock_runner.adapters.outputs import OutputStore
from penstock_runner.adapters.paths import inside, remove_tree
from penstock_runner.adapters.rooms import FreshRooms, RoomMaker
from penstock_runner.adapters.transfer import Transfer
from penstock_runner.adapters.workshop import FolderWorkshop, own_folder
from penstock_runner.domain.interruption import StopCause, StopSignal
from penstock_runner.domain.ports import Kept
from penstock_runner.errors import JobError, JobInterruptedError, UnsafePathError
from penstock_shared.contracts.jobs import Checkout, Download, Job, Upload
from penstock_shared.contracts.plan import ObjectRef
from penstock_shared.contracts.provenance import ProvenanceStatement
from tests.support.builders import a_checkout
from tests.support.servers import http_server
from tests.unit.penstock_runner.fakes import a_job

BUILDER = "urn:penstock:runner:artifacts:check"
Member = tuple[tarfile.TarInfo, bytes]


@dataclass
class Store:
    """Fakes S3: addresses to get objects from and to put them to."""

    address: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    lifetimes: list[int] = field(default_factory=list)
    refuses: str = ""

    def download(self, content: bytes, path: str = ".") -> Download:
        sha256 = hashlib.sha256(content).hexdigest()
        self.objects[f"/{sha256}"] = content
        return Download(key=sha256, sha256=sha256, path=path)

    def source(self, content: bytes) -> Checkout:
        found = self.download(content)
        return a_checkout(snapshot=ObjectRef(key=found.key, sha256=found.sha256))

    def upload(self, path: str, *, required: bool = True, name: str = "bundle") -> Upload:
        return Upload(name=name, path=path, key=name, required=required)

    def url_to_get(self, key: str, seconds: int) -> str:
        self.lifetimes.append(seconds)
        return f"{self.address}/{key}?X-Amz-Signature=5ecre7"

    def url_to_put(self, key: str, seconds: int, sha256: str) -> str:
        self.lifetimes.append(seconds)
        return f"{self.address}/{key}"


def serve(store: Store) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.partition("?")[0]
            status = self._status(200 if name in store.objects else 404)
            self._answer(status, store.objects.get(name, b"<Error/>"))

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = self._status(403 if self.path == store.refuses else 200)
            if status == 200:
                store.objects[self.path] = body
            self._answer(status, b"")

        def _status(self, status: int) -> int:
            store.asked.append(self.command)
            return store.answers.pop(0) if store.answers else status

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    with http_server(serve(store)) as store.address:
        yield store


@pytest.fixture
def transfer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Transfer]:
    monkeypatch.setattr(transfers, "PAUSES", (0.01, 0.01))
    connections = Connections(read=10, count=8)
    yield Transfer(connections)
    connections.to("http://127.0.0.1").clear()


@pytest.fixture
def bucket(store: Store, transfer: Transfer) -> Bucket:
    return Bucket(store, transfer)


@pytest.fixture
def cache(tmp_path: Path, bucket: Bucket) -> DownloadCache:
    return DownloadCache(tmp_path / "cache", tmp_path, 1_000_000, bucket)


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """Where jobs have their folders."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    return folder


@pytest.fixture
def workshop(jobs: Path, cache: DownloadCache, bucket: Bucket) -> FolderWorkshop:
    outputs = OutputStore(bucket, 1000, BUILDER)
    return FolderWorkshop(FreshRooms(RoomMaker(jobs)), cache, outputs)


def a_file(name: str, content: bytes = b"content", mode: int = 0o644) -> Member:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    return member, content


def a_link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Member:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def a_tar(*members: Member) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_an_archive_is_unpacked(tmp_path: Path) -> None:
    unpack(
        io.BytesIO(
            a_tar(
                a_file("a/b.txt"),
                a_file("run.sh", mode=0o4777),
                a_link("a/link", "b.txt"),
                a_link("same", "a/b.txt", tarfile.LNKTYPE),
            )
        ),
        tmp_path,
    )

    assert (tmp_path / "a/link").read_bytes() == b"content"
    assert (tmp_path / "same").read_bytes() == b"content"
    assert (tmp_path / "run.sh").stat().st_mode & 0o7777 == 0o755


HOSTILE = {
    "a path upwards": [a_file("../evil")],
    "a path upwards further in": [a_file("a/../../evil")],
    "a link upwards": [a_link("up", "..")],
    "a link to the root": [a_link("root", "/")],
    "a link upwards by another link": [
        a_link("a/b/c/up", "../../.."),
        a_link("a/b/c/out", "up/../evil"),
    ],
    "a file through a link": [a_link("here", "."), a_file("here/evil")],
    "a file through a link to outside": [a_link("out", "/tmp"), a_file("out/evil")],
    "a hard link upwards": [a_link("hard", "../evil", tarfile.LNKTYPE)],
    "a hard link through a link": [
        a_file("sub/file"),
        a_link("soft", "sub"),
        a_link("hard", "soft/file", tarfile.LNKTYPE),
    ],
    "a device": [a_link("null", "", tarfile.CHRTYPE)],
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_archive_that_leaves_its_folder_is_refused(
    members: list[Member], tmp_path: Path
) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()

    with pytest.raises(UnsafePathError, match="the archive is refused: "):
        unpack(io.BytesIO(a_tar(*members)), folder)

    assert {path.name for path in tmp_path.iterdir()} == {"inner"}


def test_what_is_unpacked_is_dated_as_the_archive_says(tmp_path: Path) -> None:
    members = [a_file("a/b.txt"), a_link("a/link", "b.txt")]
    for member, _ in members:
        member.mtime = 1_700_000_000

    unpack(io.BytesIO(a_tar(*members)), tmp_path)

    paths = (tmp_path, tmp_path / "a", tmp_path / "a/b.txt", tmp_path / "a/link")
    assert {path.lstat().st_mtime for path in paths} == {1_700_000_000}


def test_a_link_that_leads_to_itself_is_unpacked_as_it_is(tmp_path: Path) -> None:
    unpack(io.BytesIO(a_tar(a_link("loop", "loop"))), tmp_path)

    assert (tmp_path / "loop").readlink() == Path("loop")


def test_a_link_whose_target_is_not_utf_8_is_unpacked(tmp_path: Path) -> None:
    unpack(io.BytesIO(a_tar(a_link("link", "caf\udce9"))), tmp_path)

    assert (tmp_path / "link").readlink() == Path("caf\udce9")


def test_an_archive_is_unpacked_without_tarfile_s_own_filters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian 12 has such a Python, 3.11.2."""
    for name in ("data_filter", "FilterError"):
        monkeypatch.delattr(tarfile, name)

    unpack(io.BytesIO(a_tar(a_file("a/b.txt"))), tmp_path)

    assert (tmp_path / "a/b.txt").exists()


def test_an_absolute_path_is_taken_for_a_relative_one(tmp_path: Path) -> None:
    unpack(io.BytesIO(a_tar(a_file("/etc/evil"))), tmp_path)

    assert (tmp_path / "etc/evil").exists()


def test_an_archive_that_grows_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "UNPACKED_LIMIT", 1_000_000)

    with pytest.raises(JobError, match="more than 1,000,000 bytes"):
        unpack(io.BytesIO(a_tar(a_file("zeros", bytes(2_000_000)))), tmp_path)


@pytest.mark.parametrize(
    "damage", [b"", b"not an archive", a_tar(a_file("a", os.urandom(999)))[:500]]
)
def test_a_damaged_archive_is_refused(damage: bytes, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="the archive cannot be unpacked: "):
        unpack(io.BytesIO(damage), tmp_path)


def test_a_path_is_kept_inside(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/")

    assert inside(tmp_path, "a/../b") == tmp_path / "b"
    for path in ("..", "/etc", "out/etc", "a/../../b"):
        with pytest.raises(UnsafePathError):
            inside(tmp_path, path)


def test_a_tree_is_removed_whatever_its_permissions(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    (folder / "locked/inner").mkdir(parents=True)
    (folder / "locked/inner/file").touch()
    (folder / "link").symlink_to(tmp_path)
    (folder / "locked/inner").chmod(0o500)
    (folder / "locked").chmod(0)

    remove_tree(folder)

    assert list(tmp_path.iterdir()) == []
    remove_tree(folder)


def content_of(cache: DownloadCache, download: Download) -> bytes:
    with cache.open(download, a_job(), StopSignal()) as content:
        return content.read()


def test_a_digest_is_fetched_once(cache: DownloadCache, store: Store) -> None:
    download = store.download(b"source")

    assert [content_of(cache, download) for _ in range(3)] == [b"source"] * 3
    assert store.asked == ["GET"]


def test_another_runner_with_the_same_folder_need_not_fetch_it(
    cache: DownloadCache, store: Store, bucket: Bucket
) -> None:
    download = store.download(b"source")
    content_of(cache, download)

    another = DownloadCache(cache.folder, cache.incoming, 1_000_000, bucket)
    assert content_of(another, download) == b"source"
    assert store.asked == ["GET"]


def test_a_digest_is_no_path() -> None:
    with pytest.raises(ValidationError):
        Download(key="source", sha256="../../evil")


def test_what_is_not_what_was_meant_is_refused_and_not_kept(
    cache: DownloadCache, store: Store
) -> None:
    download = store.download(b"source")
    store.objects[f"/{download.key}"] = b"something else"

    with pytest.raises(JobError, match=f"{download.key} is not what was meant"):
        content_of(cache, download)

    assert list(cache.folder.iterdir()) == []


def test_an_address_lives_as_long_as_a_transfer_may_take_and_not_as_its_job(
    workshop: FolderWorkshop, store: Store
) -> None:
    source = store.source(a_tar(a_file("README")))
    job = a_job(source=source, outputs=(store.upload("README"),), timeout=12 * 3600)

    with workshop.site(job, StopSignal()) as site:
        assert workshop.keep(job, site, StopSignal()).problems == []

    assert store.lifetimes == [LIFETIME] * 2


def test_the_least_recently_used_goes_first(store: Store, tmp_path: Path, bucket: Bucket) -> None:
    cache = DownloadCache(tmp_path / "cache", tmp_path, 250, bucket)
    old, used, new = (store.download(bytes([n]) * 100) for n in range(3))
    for moment, download in enumerate((old, used)):
        content_of(cache, download)
        os.utime(cache.folder / download.sha256, (moment, moment))
    content_of(cache, used)
    content_of(cache, new)
    store.asked.clear()

    for download in (used, new):
        content_of(cache, download)
    assert store.asked == []
    content_of(cache, old)
    assert store.asked == ["GET"]


def test_what_is_being_read_can_be_removed(cache: DownloadCache, store: Store) -> None:
    download = store.download(b"source")
    with cache.open(download, a_job(), StopSignal()) as content:
        (cache.folder / download.sha256).unlink()
        assert content.read() == b"source"


def test_many_at_once_find_it_whole(cache: DownloadCache, store: Store) -> None:
    download = store.download(os.urandom(500_000))
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(content_of(cache, download))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {hashlib.sha256(content).hexdigest() for content in found} == {download.sha256}
    assert len(list(cache.folder.iterdir())) == 1


@pytest.mark.parametrize("answers", [[503], [500, 500]])
def test_a_server_s_own_trouble_is_waited_for(
    answers: list[int], cache: DownloadCache, store: Store
) -> None:
    store.answers = answers

    assert content_of(cache, store.download(b"source")) == b"source"


@pytest.mark.parametrize("answers", [[403], [404], [307], [500, 500, 500]])
def test_what_cannot_be_fetched_fails_without_telling_the_address(
    answers: list[int], cache: DownloadCache, store: Store
) -> None:
    store.answers = list(answers)

    with pytest.raises(JobError) as raised:
        content_of(cache, store.download(b"source"))

    assert str(raised.value) == f"HTTP {answers[-1]}"
    assert list(cache.folder.iterdir()) == []
    assert list(cache.incoming.iterdir()) == [cache.folder]


def test_nobody_there_is_trouble_too(cache: DownloadCache, store: Store) -> None:
    download = store.download(b"source")
    store.address = "http://127.0.0.1:9"

    with pytest.raises(JobError) as raised:
        content_of(cache, download)

    assert "5ecre7" not in str(raised.value)


def test_a_stopped_job_waits_for_no_server(cache: DownloadCache, store: Store) -> None:
    store.answers = [503] * 3
    stop = StopSignal()
    stop.give(StopCause.CANCELLED, "aborted")

    with pytest.raises(JobInterruptedError), cache.open(store.download(b"source"), a_job(), stop):
        pass


def test_a_job_gets_fresh_folders_that_vanish(
    workshop: FolderWorkshop, store: Store, jobs: Path
) -> None:
    source = store.source(a_tar(a_file("services/orders/handler.py")))
    job = a_job(source=source, workdir="services/orders")

    with workshop.site(job, StopSignal()) as site:
        assert (site.workdir / "handler.py").exists()
        assert site.workdir.is_relative_to(site.source)
        assert list(site.home.iterdir()) == list(site.temporary.iterdir()) == []
        (site.home / "a file").touch()

    assert list(jobs.iterdir()) == []


def test_inputs_are_stored_or_unpacked(workshop: FolderWorkshop, store: Store) -> None:
    job = a_job(
        source=store.source(a_tar(a_file("README"), a_link("evil", "README"))),
        inputs=(
            store.download(b"bundle", "in/bundle.zip"),
            store.download(a_tar(a_file("deep/file")), "unpacked/"),
        ),
    )

    with workshop.site(job, StopSignal()) as site:
        assert (site.source / "in/bundle.zip").read_bytes() == b"bundle"
        assert (site.source / "unpacked/deep/file").read_bytes() == b"content"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            lambda store: {"source": a_checkout()},
            "source: HTTP 404",
        ),
        (lambda store: {"workdir": "nowhere"}, "there is no folder nowhere in the source"),
        (lambda store: {"workdir": ".."}, "'..' lies outside of the job's folder"),
        (lambda store: {"inputs": (store.download(b"", "../x"),)}, "'../x' lies outside"),
        (
            lambda store: {"inputs": (store.download(b"", "x/"),)},
            "input x/: the archive cannot",
        ),
    ],
)
def test_a_job_that_cannot_be_furnished_says_why_and_leaves_nothing(
    given: Callable[[Store], dict[str, object]],
    reason: str,
    workshop: FolderWorkshop,
    store: Store,
    jobs: Path,
) -> None:
    source = store.source(a_tar(a_file("README")))
    values: dict[str, Any] = {"source": source, **given(store)}
    job = a_job(**values)

    with pytest.raises(JobError) as raised, workshop.site(job, StopSignal()):
        pass

    assert str(raised.value).startswith(reason)
    assert list(jobs.iterdir()) == []


def test_a_source_that_is_no_archive_fails_the_job(workshop: FolderWorkshop, store: Store) -> None:
    job = a_job(source=store.source(b"damaged"))

    refused = pytest.raises(JobError, match="source: the archive cannot be unpacked")
    with refused, workshop.site(job, StopSignal()):
        pass


def test_what_a_dead_runner_left_is_cleared_up(tmp_path: Path) -> None:
    with own_folder(tmp_path) as folder:
        (folder / "job").mkdir()
        left = folder.rename(tmp_path / "runner-dead")
        living = left.rename(folder)
        with own_folder(tmp_path) as other:
            assert living.exists()
            assert other != living
    (tmp_path / "runner-dead").mkdir()
    (tmp_path / "runner-dead/lock").touch()

    with own_folder(tmp_path):
        assert not (tmp_path / "runner-dead").exists()
    assert list(tmp_path.iterdir()) == []


def leave_bundle(workdir: Path) -> None:
    (workdir / "bundle.zip").write_bytes(b"zip")


def kept(
    workshop: FolderWorkshop, store: Store, prepare: Callable[[Path], None], *uploads: Upload
) -> Kept:
    job: Job = a_job(
        source=store.source(a_tar(a_file("sub/README"))), workdir="sub", outputs=uploads
    )
    with workshop.site(job, StopSignal()) as site:
        prepare(site.workdir)
        return workshop.keep(job, site, StopSignal())


def test_outputs_are_uploaded_with_what_names_their_content(
    workshop: FolderWorkshop, store: Store
) -> None:
    result = kept(
        workshop,
        store,
        leave_bundle,
        store.upload("bundle.zip"),
        store.upload("report.xml", required=False, name="report"),
    )

    assert result.problems == []
    (output,) = result.outputs
    assert (output.name, output.key, output.size) == ("bundle", "bundle", 3)
    assert output.sha256 == hashlib.sha256(b"zip").hexdigest()
    assert store.objects["/bundle"] == b"zip"


def test_an_artifact_has_its_provenance_beside_it(workshop: FolderWorkshop, store: Store) -> None:
    key = "artifacts/check/orders/key.zip"

    result = kept(workshop, store, leave_bundle, Upload(name="orders", path="bundle.zip", key=key))

    assert result.problems == []
    assert store.objects[f"/{key}"] == b"zip"
    stated = ProvenanceStatement.model_validate_json(store.objects[f"/{key}.intoto.json"])
    assert stated.artifact.digest == {"sha256": hashlib.sha256(b"zip").hexdigest()}
    assert stated.predicate.run_details.builder.id == BUILDER
    assert store.asked.count("PUT") == 2


def test_an_artifact_whose_provenance_cannot_be_stored_is_a_problem(
    workshop: FolderWorkshop, store: Store
) -> None:
    key = "artifacts/check/orders/key.zip"
    store.refuses = f"/{key}.intoto.json"

    result = kept(workshop, store, leave_bundle, Upload(name="orders", path="bundle.zip", key=key))

    assert result.problems == ["output 'orders', bundle.zip: HTTP 403"]


def test_an_upload_is_tried_again_from_its_beginning(
    workshop: FolderWorkshop, store: Store
) -> None:
    store.answers = [200, 503]
    result = kept(
        workshop,
        store,
        leave_bundle,
        store.upload("bundle.zip"),
    )

    assert store.objects["/bundle"] == b"zip"
    assert result.outputs[0].sha256 == hashlib.sha256(b"zip").hexdigest()


def make_fifo(workdir: Path) -> None:
    os.mkfifo(workdir / "out")


@pytest.mark.parametrize(
    ("path", "prepare", "problem"),
    [
        ("out", lambda workdir: None, "the command left no out, the output 'bundle'"),
        ("out", lambda workdir: (workdir / "out").symlink_to("gone"), "the command left no out"),
        ("out", lambda workdir: (workdir / "out").symlink_to("/etc/hosts"), "lies outside"),
        ("/etc/hosts", lambda workdir: None, "lies outside"),
        ("../../home/x", lambda workdir: None, "lies outside"),
        ("out", lambda workdir: (workdir / "out").symlink_to("out"), "'bundle', out: "),
        ("out", lambda workdir: (workdir / "out").mkdir(), "not a file"),
        ("out", make_fifo, "not a file"),
        (
            "out",
            lambda workdir: (workdir / "out").write_bytes(bytes(1001)),
            "1,001 bytes, the limit",
        ),
    ],
)
def test_an_output_that_cannot_be_kept_is_a_problem(
    path: str,
    prepare: Callable[[Path], None],
    problem: str,
    workshop: FolderWorkshop,
    store: Store,
) -> None:
    result = kept(workshop, store, prepare, store.upload(path))

    assert result.outputs == []
    assert problem in result.problems[0]
    assert "/bundle" not in store.objects


def test_a_refused_upload_is_a_problem(workshop: FolderWorkshop, store: Store) -> None:
    store.answers = [200, 403]
    result = kept(
        workshop,
        store,
        leave_bundle,
        store.upload("bundle.zip"),
    )

    assert result.problems == ["output 'bundle', bundle.zip: HTTP 403"]
