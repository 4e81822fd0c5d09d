"""The packager with real wheels: the content of artifacts, and when they are made again."""

import hashlib
import importlib.util
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.packaging import Artifact, PackagingError, Target, local_target, package_service
from penstock.packaging.services import SHARED_SOURCES
from penstock.project import PROJECT_ROOT, StackFolder

pytestmark = pytest.mark.integration

LOCK = PROJECT_ROOT / "requirements" / "lambda-release.txt"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return replace(local_target(), folder=tmp_path_factory.mktemp("build"))


@pytest.fixture
def service(tmp_path: Path) -> StackFolder:
    folder = StackFolder(tmp_path.name, tmp_path / "tiny", LOCK)
    package = folder.sources / "tiny_service"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""A service."""\n')
    (package / "py.typed").touch()
    return folder


def names_in(artifact: Artifact) -> list[str]:
    with zipfile.ZipFile(artifact.path) as archive:
        return archive.namelist()


def test_two_builds_from_scratch_are_the_same_to_the_byte(
    target: Target, service: StackFolder, tmp_path: Path
) -> None:
    elsewhere = replace(target, folder=tmp_path / "elsewhere")

    first = package_service(service, target)
    second = package_service(service, elsewhere)

    assert (first.fresh, second.fresh) == (True, True)
    assert (
        hashlib.sha256(first.path.read_bytes()).digest()
        == hashlib.sha256(second.path.read_bytes()).digest()
    )


def test_an_artifact_holds_the_service_what_it_shares_and_what_both_need(
    target: Target, service: StackFolder
) -> None:
    names = names_in(package_service(service, target))

    assert {"tiny_service/__init__.py", "pydantic/__init__.py"} <= set(names)
    assert f"{SHARED_SOURCES.name}/" not in names
    assert "penstock_shared/__init__.py" in names
    assert names == sorted(names)


def test_an_artifact_holds_nothing_that_the_runtime_has_or_nobody_needs(
    target: Target, service: StackFolder
) -> None:
    names = names_in(package_service(service, target))

    assert not [name for name in names if name.endswith((".pth", ".pyi", ".typed"))]
    assert not [name for name in names if name.startswith(("boto3/", "botocore/", "urllib3/"))]
    assert not [name for name in names if "/tests/" in name or "/testing/" in name]


def test_bytecode_is_never_checked_against_its_source(target: Target, service: StackFolder) -> None:
    artifact = package_service(service, target)

    assert set(flags_of_bytecode(artifact)) == {0b01}


def flags_of_bytecode(artifact: Artifact) -> Iterator[int]:
    """PEP 552: bit 0 says that the bytecode has a hash of its source, bit 1 that it is checked."""
    with zipfile.ZipFile(artifact.path) as archive:
        for name in archive.namelist():
            if name.endswith(".pyc"):
                content = archive.read(name)
                assert content[:4] == importlib.util.MAGIC_NUMBER
                yield int.from_bytes(content[4:8], "little")


def test_an_unchanged_service_is_not_made_again(target: Target, service: StackFolder) -> None:
    package_service(service, target)

    assert not package_service(service, target).fresh


def test_a_changed_service_is_made_again(target: Target, service: StackFolder) -> None:
    package_service(service, target)
    (service.sources / "tiny_service" / "new.py").write_text("NEW = 1\n")

    again = package_service(service, target)

    assert again.fresh
    assert "tiny_service/new.py" in names_in(again)


def test_without_a_compiler_of_the_targets_version_there_is_no_bytecode(
    target: Target, service: StackFolder
) -> None:
    artifact = package_service(service, replace(target, compiler=None))

    assert not [name for name in names_in(artifact) if name.endswith(".pyc")]


def test_a_package_without_a_wheel_for_the_target_is_told_with_its_lock(
    target: Target, service: StackFolder, tmp_path: Path
) -> None:
    lock = tmp_path / "lambda-tiny.txt"
    lock.write_text(f"no-such-wheel==1.0 --hash=sha256:{'0' * 64}\n")
    offline = replace(target, wheels=(*target.wheels, "--offline"))

    with pytest.raises(PackagingError, match=r"lambda-tiny\.txt for local"):
        package_service(replace(service, lock=lock), offline)


def test_a_service_without_a_lock_is_told_to_make_one(
    target: Target, service: StackFolder, tmp_path: Path
) -> None:
    with pytest.raises(PackagingError, match="make lock"):
        package_service(replace(service, lock=tmp_path / "none.txt"), target)
