"""One zip per service: its dependencies, the shared package and its own code."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from penstock.packaging.archive import write_archive
from penstock.packaging.bytecode import compile_folder
from penstock.packaging.dependencies import dependencies_for
from penstock.packaging.digests import digest_of, digest_of_folders, digest_of_packager
from penstock.packaging.errors import PackagingError
from penstock.packaging.files import needed_files, source_files
from penstock.packaging.targets import Target
from penstock.project import PROJECT_ROOT, StackFolder, stack_folders

SHARED_SOURCES = PROJECT_ROOT / "shared" / "src"


@dataclass(frozen=True)
class Artifact:
    """A packaged service. `size` is that of the zip in bytes; `fresh` says if it was just made."""

    service: str
    path: Path
    inputs: str
    size: int
    fresh: bool


def package_services(target: Target, folders: Sequence[StackFolder] = ()) -> list[Artifact]:
    """Package every stack that has code, each into `.build/<target>/<service>.zip`.

    Raises PackagingError.
    """
    services = [folder for folder in folders or stack_folders() if folder.sources.is_dir()]
    # Install locks first: services that share one must not install it concurrently.
    locks = {folder.lock.read_bytes(): folder.lock for folder in services}
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda lock: dependencies_for(lock, target), locks.values()))
        return list(pool.map(lambda folder: package_service(folder, target), services))


def package_service(folder: StackFolder, target: Target) -> Artifact:
    """Make the service's zip, unless there is one of the same inputs. Raises PackagingError."""
    archive = target.folder / f"{folder.name}.zip"
    inputs = _inputs_of(folder, target)
    is_current = archive.is_file() and _recorded_inputs(archive) == inputs
    if not is_current:
        _make(folder, target, archive)
        _stamp_of(archive).write_text(json.dumps({"inputs": inputs}))
    return Artifact(folder.name, archive, inputs, archive.stat().st_size, not is_current)


def _make(folder: StackFolder, target: Target, archive: Path) -> None:
    dependencies = dependencies_for(folder.lock, target)
    with tempfile.TemporaryDirectory(prefix="penstock-") as name:
        code = Path(name)
        for relative, path in _first_party_files(folder):
            copy = code / relative
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        compile_folder(code, target.compiler)
        write_archive(archive, dict(chain(needed_files(dependencies), needed_files(code))))


def _first_party_files(folder: StackFolder) -> chain[tuple[str, Path]]:
    return chain(source_files(SHARED_SOURCES), source_files(folder.sources))


def _inputs_of(folder: StackFolder, target: Target) -> str:
    code = digest_of_folders([SHARED_SOURCES, folder.sources])
    tools = (target.description(), digest_of_packager())
    return digest_of(part.encode() for part in (code, _lock_text(folder), *tools))


def _lock_text(folder: StackFolder) -> str:
    try:
        return folder.lock.read_text()
    except FileNotFoundError as error:
        raise PackagingError(
            f"{folder.name} has no lock file {folder.lock}. Run `make lock` to write it."
        ) from error


def _stamp_of(archive: Path) -> Path:
    return archive.with_suffix(".json")


def _recorded_inputs(archive: Path) -> str:
    try:
        return str(json.loads(_stamp_of(archive).read_text())["inputs"])
    except (OSError, ValueError, KeyError):
        return ""
