"""What is kept for later jobs: whole, unchanged, bounded, and never written by a lower trust."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from penstock_runner.adapters.folder_store import KeptFolders
from penstock_runner.adapters.layers import merge, open_to_all
from penstock_runner.domain.interruption import StopCause, StopSignal
from penstock_runner.domain.ports import Layer
from penstock_runner.errors import JobError, JobInterruptedError

MUCH = 1 << 30


@pytest.fixture
def store(tmp_path: Path) -> KeptFolders:
    return KeptFolders(tmp_path / "kept", MUCH)


def a_folder(place: Path, **files: str) -> Path:
    place.mkdir(parents=True)
    for name, text in files.items():
        (place / name).write_text(text)
    return place


def a_layer(folder: Path, lower: Path | None, **files: str) -> Layer:
    upper = a_folder(folder / "upper", **files)
    return Layer(folder / "place", lower, upper, folder / "work", "key")


def test_what_is_kept_is_found_by_its_key(store: KeptFolders, tmp_path: Path) -> None:
    store.keep("key", [a_folder(tmp_path / "a", one="1"), a_folder(tmp_path / "b", two="2")])

    with store.newest("key") as tree, store.newest("other") as nothing:
        assert tree
        assert (tree / "0" / "one").read_text() == "1"
        assert (tree / "1" / "two").read_text() == "2"
        assert nothing is None


def test_a_changed_cache_is_a_new_one_and_who_reads_the_old_keeps_it(
    store: KeptFolders, tmp_path: Path
) -> None:
    store.keep_layer("key", a_layer(tmp_path / "1", None, kept="old", changed="old"))
    with store.newest("key") as old:
        assert old
        layer = a_layer(tmp_path / "2", old / "0", changed="new", added="new")
        store.keep_layer("key", layer)

        assert (old / "0" / "changed").read_text() == "old"
        with store.newest("key") as new:
            assert new
            found = {path.name: path.read_text() for path in (new / "0").iterdir()}
            assert found == {"kept": "old", "changed": "new", "added": "new"}
    store.keep_layer("key", a_layer(tmp_path / "3", None, other="newest"))
    assert not old.exists()


def test_a_job_that_changes_nothing_leaves_nothing(store: KeptFolders, tmp_path: Path) -> None:
    store.keep_layer("key", a_layer(tmp_path / "1", None))

    with store.newest("key") as tree:
        assert tree is None


def test_a_lower_trust_reads_a_higher_one_s_and_writes_its_own(tmp_path: Path) -> None:
    release = KeptFolders(tmp_path / "release", MUCH)
    check = KeptFolders(tmp_path / "check", MUCH, [release.folder])
    release.keep("key", [a_folder(tmp_path / "a", name="release")])

    with check.newest("key") as tree:
        assert tree == next(release.folder.glob("key/[0-9]*")) / "tree"
    check.keep("key", [a_folder(tmp_path / "b", name="check")])

    for one, name in ((check, "check"), (release, "release")):
        with one.newest("key") as tree:
            assert tree
            assert (tree / "0" / "name").read_text() == name


def test_the_least_recently_used_goes_unless_it_is_in_use(tmp_path: Path) -> None:
    store = KeptFolders(tmp_path / "kept", 40_000)
    content = "x" * 16_000
    for name in ("first", "second"):
        store.keep(name, [a_folder(tmp_path / name, file=content)])
        time.sleep(0.01)  # the order of use is told by times of files
    with store.newest("first") as used:
        store.keep("third", [a_folder(tmp_path / "third", file=content)])
        store.keep("fourth", [a_folder(tmp_path / "fourth", file=content)])
        assert used
        assert used.exists()
    with store.newest("second") as gone:
        assert gone is None


def test_one_makes_what_several_need(store: KeptFolders) -> None:
    inside, leave = Event(), Event()

    def make() -> None:
        with store.making("key", 10, StopSignal()):
            inside.set()
            leave.wait()

    def want() -> str:
        with store.making("key", 10, StopSignal()):
            return "after" if leave.is_set() else "meanwhile"

    with ThreadPoolExecutor() as threads:
        threads.submit(make)
        inside.wait()
        waiting = threads.submit(want)
        leave.set()
        assert waiting.result() == "after"


def test_who_waits_too_long_makes_its_own(store: KeptFolders) -> None:
    with store.making("key", 10, StopSignal()), store.making("key", 0, StopSignal()):
        assert store.folder.is_dir()


def test_a_stopped_job_waits_for_nobody(store: KeptFolders) -> None:
    stop = StopSignal()
    stop.give(StopCause.CANCELLED, "enough")

    with (
        store.making("key", 10, StopSignal()),
        pytest.raises(JobInterruptedError),
        store.making("key", 10, stop),
    ):
        pass


def test_what_cannot_be_kept_fails_its_job_with_a_reason(
    store: KeptFolders, tmp_path: Path
) -> None:
    with pytest.raises(JobError, match="what was prepared could not be kept"):
        store.keep("key", [tmp_path / "nothing"])

    assert list((store.folder / "key").glob(".new-*")) == []


def whiteout(path: Path) -> None:
    try:
        os.mknod(path, 0o020000, 0)
    except PermissionError:
        pytest.fail("the machine allows no whiteouts, which Linux does without privileges")


def opaque(folder: Path) -> None:
    folder.mkdir()
    os.setxattr(folder, "user.overlay.opaque", b"y")


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda upper: whiteout(upper / "file"), ["folder", "folder/deep"]),
        (lambda upper: whiteout(upper / "folder"), ["file"]),
        (lambda upper: (upper / "folder").mkdir(), ["file", "folder", "folder/deep"]),
        (lambda upper: opaque(upper / "folder"), ["file", "folder"]),
        (lambda upper: (upper / "folder").write_text("now a file"), ["file", "folder"]),
        (lambda upper: (upper / "file").mkdir(), ["file", "folder", "folder/deep"]),
    ],
)
def test_layers_become_what_the_job_saw(
    tmp_path: Path, change: Callable[[Path], object], left: list[str]
) -> None:
    lower, upper = a_folder(tmp_path / "lower", file="1"), a_folder(tmp_path / "upper")
    a_folder(lower / "folder", deep="1")
    change(upper)

    merge(lower, upper, tmp_path / "both")

    both = tmp_path / "both"
    assert sorted(str(path.relative_to(both)) for path in both.rglob("*")) == left


def test_nothing_is_followed_or_kept_that_could_lead_a_later_job_astray(tmp_path: Path) -> None:
    outside = a_folder(tmp_path / "outside", secret="mine")
    outside.chmod(0o700)
    (outside / "secret").chmod(0o600)
    left = a_folder(tmp_path / "left", program="#!/bin/sh")
    (left / "program").chmod(0o4750)
    (left / "link").symlink_to(outside)
    os.mkfifo(left / "pipe")

    open_to_all(left)

    assert sorted(path.name for path in left.iterdir()) == ["link", "program"]
    assert (left / "program").stat().st_mode & 0o7777 == 0o777
    assert outside.stat().st_mode & 0o777 == 0o700
    assert (outside / "secret").stat().st_mode & 0o777 == 0o600
