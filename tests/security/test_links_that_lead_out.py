"""A link of a commit leads to a place in the commit, whatever its other links say.

The attack: `a -> q/r/../../x` leads to `x` beside it, as long as there is no `q`. Then the links
`q -> .` and `r -> .` were written, and `a` led to two folders above the job's own. Each link was
checked when it was written, and never again.
"""

import io
import tarfile
from pathlib import Path

import pytest

from penstock_runner.adapters.archive import unpack
from penstock_runner.errors import UnsafePathError


def an_archive(links: dict[str, str]) -> io.BytesIO:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for path, target in links.items():
            member = tarfile.TarInfo(path)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    written.seek(0)
    return written


def test_a_later_link_cannot_make_an_earlier_one_lead_out(tmp_path: Path) -> None:
    source = tmp_path / "room" / "job" / "source"
    source.mkdir(parents=True)

    with pytest.raises(UnsafePathError, match="a is a link that leads out"):
        unpack(an_archive({"a": "q/r/../../x", "q": ".", "r": "."}), source)


def test_links_to_places_in_the_commit_are_fine(tmp_path: Path) -> None:
    unpack(an_archive({"a": "folder/../b", "b": "missing", "c": "a"}), tmp_path)

    assert (tmp_path / "c").resolve() == tmp_path.resolve() / "missing"
