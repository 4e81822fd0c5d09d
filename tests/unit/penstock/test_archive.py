import os
import zipfile
from pathlib import Path

import pytest

from penstock.packaging.archive import write_archive
from penstock.packaging.files import needed_files, source_files


def a_file(path: Path, text: str = "x = 1\n", modified: int = 0, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    os.utime(path, (modified, modified))
    return path


def test_the_same_content_gives_the_same_bytes_whatever_its_order_times_and_modes(
    tmp_path: Path,
) -> None:
    first = {
        "a.py": a_file(tmp_path / "one" / "a.py", modified=1_700_000_000),
        "b/c.py": a_file(tmp_path / "one" / "c.py"),
    }
    second = {
        "b/c.py": a_file(tmp_path / "two" / "c.py", mode=0o755),
        "a.py": a_file(tmp_path / "two" / "a.py", modified=1_000_000_000),
    }

    write_archive(tmp_path / "first.zip", first)
    write_archive(tmp_path / "second.zip", second)

    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()


def test_a_failure_leaves_the_archive_before_and_nothing_beside_it(tmp_path: Path) -> None:
    archive = tmp_path / "out" / "service.zip"
    write_archive(archive, {"a.py": a_file(tmp_path / "a.py")})
    before = archive.read_bytes()

    with pytest.raises(FileNotFoundError):
        write_archive(archive, {"gone.py": tmp_path / "gone.py"})

    assert archive.read_bytes() == before
    assert [path.name for path in archive.parent.iterdir()] == ["service.zip"]


def test_an_archive_holds_files_that_everybody_may_read(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.zip", {"a.py": a_file(tmp_path / "a.py", mode=0o600)})

    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert [entry.external_attr >> 16 & 0o777 for entry in archive.infolist()] == [0o644]


def test_what_no_function_needs_is_left_out(tmp_path: Path) -> None:
    needed = ["lib/__init__.py", "lib/data.json", "lib/native.so", "lib-1.0.dist-info/METADATA"]
    useless = [
        "_penstock_shared.pth",
        "bin/tool",
        "lib/__init__.pyi",
        "lib/py.typed",
        "lib/source.c",
        "lib/tests/test_lib.py",
        "lib-1.0.dist-info/RECORD",
        "lib-1.0.dist-info/licenses/LICENSE",
    ]
    for name in needed + useless:
        a_file(tmp_path / name)

    assert sorted(name for name, _ in needed_files(tmp_path)) == sorted(needed)


def test_bytecode_is_no_source(tmp_path: Path) -> None:
    a_file(tmp_path / "lib" / "__init__.py")
    a_file(tmp_path / "lib" / "__pycache__" / "__init__.cpython-311.pyc")

    assert [name for name, _ in source_files(tmp_path)] == ["lib/__init__.py"]
