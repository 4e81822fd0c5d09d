"""A pull request cannot place bytes in a folder that a release reads, nor lead its runner astray.

tests/e2e/test_caches.py tells the same story on a whole stack.
"""

from pathlib import Path

import pytest

from penstock_runner.adapters.folder_store import KeptFolders
from penstock_runner.adapters.layering import layered
from penstock_runner.domain.ports import Command, Layer, Shared, Site
from penstock_runner.errors import JobError


@pytest.fixture
def site(tmp_path: Path) -> Site:
    for name in ("source", "home", "tmp"):
        (tmp_path / "room" / name).mkdir(parents=True)
    room = tmp_path / "room"
    return Site(room / "source", room / "source", room / "home", room / "tmp")


@pytest.mark.parametrize("name", [".venv", ".venv/lib", "deep/.venv"])
def test_a_link_in_the_source_is_no_place_for_a_shared_folder(site: Site, name: str) -> None:
    """Whoever mounts something there is root, and would follow the link to anywhere."""
    outside = site.source.parent.parent / "outside"
    outside.mkdir()
    (site.source / "deep").mkdir()
    for link in (site.source / ".venv", site.source / "deep/.venv"):
        link.symlink_to(outside)

    with pytest.raises(JobError, match="the source has a link"):
        layered(site, {name: Shared()}, site.source.parent / "layers")

    assert list(outside.iterdir()) == []


def test_a_file_in_the_source_is_no_place_either(site: Site) -> None:
    (site.source / ".venv").write_text("a file")

    with pytest.raises(JobError, match=r"\.venv cannot be shared"):
        layered(site, {".venv": Shared()}, site.source.parent / "layers")


def test_what_a_job_writes_to_shared_folders_counts_as_its_own_disk(site: Site) -> None:
    shared = layered(site, {"~/.cache": Shared()}, site.source.parent / "layers")
    command = Command("true", site.workdir, {}, 1, shared)

    assert site.source.parent / "layers/0/upper" in command.measured


def test_what_a_lower_trust_keeps_lies_in_no_store_that_a_higher_one_reads(
    tmp_path: Path,
) -> None:
    stores = {name: tmp_path / name / "kept" for name in ("release", "check", "fork")}
    release = KeptFolders(stores["release"], 1 << 20)
    fork = KeptFolders(stores["fork"], 1 << 20, [stores["check"], stores["release"]])
    upper = tmp_path / "upper"
    upper.mkdir()
    (upper / "evil").write_text("evil")

    fork.keep_layer("key", Layer(tmp_path, None, upper, tmp_path, "key"))

    with release.newest("key") as found:
        assert found is None
    assert [path for path in tmp_path.rglob("evil") if "fork" not in path.parts] == []
