"""What `preset: python-package` and `preset: static-site` make."""

import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from penstock_runner.presets import python_package, static_site
from tests.support.wheels import backend_of


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package whose build system writes the time and the modes of the day into its files."""
    folder = tmp_path / "one" / "place"
    (folder / "src/shop").mkdir(parents=True)
    (folder / "src/shop/__init__.py").write_text("")
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "1.0"\n[build-system]\nrequires = []\n'
        'build-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "backend.py").write_text(f"{backend_of('shop', 'src/shop/__init__.py')}{SDIST}")
    return folder


SDIST = """
import tarfile

def build_sdist(folder, config_settings=None):
    with tarfile.open(pathlib.Path(folder) / "shop-1.0.tar.gz", "w:gz") as opened:
        for name in ("src/shop/__init__.py", "pyproject.toml", "backend.py"):
            opened.add(name, f"shop-1.0/{name}")
        pathlib.Path("PKG-INFO").write_text("Metadata-Version: 2.1\\nName: shop\\nVersion: 1.0\\n")
        opened.add("PKG-INFO", "shop-1.0/PKG-INFO")
    return "shop-1.0.tar.gz"
"""


def make_package(folder: Path) -> Path:
    output = folder / ".penstock-artifact.zip"
    assert python_package.main(["--source", str(folder), "--output", str(output)]) == 0
    return output


def test_a_package_is_an_sdist_and_a_wheel(package: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(make_package(package)) as made:
        assert made.namelist() == ["shop-1.0-py3-none-any.whl", "shop-1.0.tar.gz"]
        made.extractall(tmp_path)
    with zipfile.ZipFile(tmp_path / "shop-1.0-py3-none-any.whl") as wheel:
        assert wheel.namelist()[0] == "shop/__init__.py"
        assert wheel.testzip() is None
    with tarfile.open(tmp_path / "shop-1.0.tar.gz") as sdist:
        assert "shop-1.0/pyproject.toml" in sdist.getnames()


def test_two_builds_at_other_times_and_places_are_the_same_bytes(
    package: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "another"
    shutil.copytree(package, elsewhere)
    for file in elsewhere.rglob("*"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
    (elsewhere / "src/shop/__init__.py").chmod(0o600)

    assert make_package(package).read_bytes() == make_package(elsewhere).read_bytes()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "there is no pyproject.toml in "),
        ("[project]\nname = 1", "the package could not be built:"),
    ],
)
def test_what_is_no_package_is_refused(
    text: str | None, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text:
        (tmp_path / "pyproject.toml").write_text(text)

    assert python_package.main(["--source", str(tmp_path), "--output", str(tmp_path / "p")]) == 1

    assert reason in capsys.readouterr().err


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    for name in ("dist/index.html", "dist/.well-known/security.txt", "dist/tests/page.html"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def make_site(folder: Path, part: str = "dist") -> int:
    output = str(folder / ".penstock-artifact.zip")
    return static_site.main(["--source", str(folder), "--folder", part, "--output", output])


def test_a_site_has_all_files_of_its_folder(site: Path) -> None:
    assert make_site(site) == 0

    with zipfile.ZipFile(site / ".penstock-artifact.zip") as made:
        assert made.namelist() == [".well-known/security.txt", "index.html", "tests/page.html"]


def test_the_same_site_is_the_same_bytes_elsewhere(site: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(site, elsewhere)
    os.utime(elsewhere / "dist/index.html", (1_000_000_000, 1_000_000_000))

    assert make_site(site) == make_site(elsewhere) == 0

    artifacts = [folder / ".penstock-artifact.zip" for folder in (site, elsewhere)]
    assert artifacts[0].read_bytes() == artifacts[1].read_bytes()


def test_the_root_is_a_site_without_its_artifact_and_git(site: Path) -> None:
    (site / ".git").mkdir()
    (site / ".git/config").write_text("")

    assert make_site(site, ".") == make_site(site, ".") == 0

    with zipfile.ZipFile(site / ".penstock-artifact.zip") as made:
        assert all(name.startswith("dist/") for name in made.namelist())


@pytest.mark.parametrize("part", ["nowhere", "empty"])
def test_a_site_without_files_is_refused(
    part: str, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "empty").mkdir()

    assert make_site(site, part) == 1

    assert f"{part} has no files" in capsys.readouterr().err
