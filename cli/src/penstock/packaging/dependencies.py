"""Third-party packages of a service, installed once per lock file and target."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from penstock.packaging.bytecode import compile_folder
from penstock.packaging.digests import digest_of, digest_of_packager
from penstock.packaging.errors import PackagingError
from penstock.packaging.targets import Target
from penstock.project import UV


def dependencies_for(lock: Path, target: Target) -> Path:
    """The folder with exactly the packages of `lock`, compiled if the target has a compiler.

    The lock leaves out boto3 and its dependencies: the Lambda runtime and the emulator's
    environment provide them. Services with the same lock share the folder. Raises PackagingError.
    """
    inputs = (lock.read_bytes(), target.description().encode(), digest_of_packager().encode())
    folder = target.folder / "dependencies" / digest_of(inputs)[:20]
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        _install_atomically(lock, target, folder)
    return folder


def _install_atomically(lock: Path, target: Target, folder: Path) -> None:
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".installing-"))
    try:
        _install(lock, target, fresh)
        compile_folder(fresh, target.compiler)
        fresh.rename(folder)
    except OSError as error:
        # Another process has made the same folder first: its content is the same.
        if not folder.is_dir():
            raise PackagingError(f"{folder} could not be written: {error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _install(lock: Path, target: Target, folder: Path) -> None:
    strict = ("--no-deps", "--only-binary", ":all:", "--require-hashes")
    where = ("--target", str(folder), "--requirements", str(lock))
    command = [str(UV), "pip", "install", "--quiet", *strict, *target.wheels, *where]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise PackagingError(
            f"uv could not install {lock.name} for {target.name}:\n{finished.stderr.strip()}\n"
            "If a package has no wheel for that target, pin one that has; `make lock` pins anew."
        )
