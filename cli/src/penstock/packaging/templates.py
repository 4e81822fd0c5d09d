"""Generates CloudFormation templates from each serverless.yml with osls, offline."""

import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from penstock.packaging.digests import digest_of, digest_of_folders, digest_of_packager
from penstock.packaging.errors import PackagingError
from penstock.packaging.services import Artifact
from penstock.packaging.targets import Target
from penstock.project import NODE, OSLS, PROJECT_ROOT, StackFolder

_AT_ONCE = 2
_FRAGMENTS = PROJECT_ROOT / "shared" / "templates"
_TOOLS = PROJECT_ROOT / "package-lock.json"
# What presets.js reads.
_PRESETS = PROJECT_ROOT / "runner" / "src" / "penstock_runner" / "presets"
_PRESETS_LOCK = PROJECT_ROOT / "requirements" / "presets.txt"
_STAMP = "inputs.txt"


@dataclass(frozen=True)
class PackagedStack:
    """A stack, ready to deploy. `inputs` is the digest of everything it was made from."""

    name: str
    folder: Path
    artifact: Path | None
    inputs: str
    fresh: bool

    @property
    def template_of_bucket(self) -> Path:
        """The template that creates the stack with only the bucket for its artifact."""
        return self.folder / "cloudformation-template-create-stack.json"

    @property
    def template(self) -> Path:
        return self.folder / "cloudformation-template-update-stack.json"


def package_stacks(
    folders: Sequence[StackFolder], artifacts: Sequence[Artifact], target: Target, stage: str
) -> list[PackagedStack]:
    """Package every stack into `.build/<target>/<stack>/`, unless its inputs are unchanged.

    Raises PackagingError.
    """
    by_service = {artifact.service: artifact for artifact in artifacts}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        made = pool.map(
            lambda folder: _package_stack(folder, by_service.get(folder.name), target, stage),
            folders,
        )
        return list(made)


def _package_stack(
    folder: StackFolder, artifact: Artifact | None, target: Target, stage: str
) -> PackagedStack:
    output = target.folder / folder.name
    inputs = _inputs_of(folder, artifact, stage)
    stamp = output / _STAMP
    is_current = stamp.is_file() and stamp.read_text() == inputs
    if not is_current:
        _run_osls(folder, ("package", "--stage", stage, "--package", str(output)), target)
        stamp.write_text(inputs)
    path = artifact.path if artifact else None
    return PackagedStack(folder.name, output, path, inputs, not is_current)


def _inputs_of(folder: StackFolder, artifact: Artifact | None, stage: str) -> str:
    files = [folder.template, _TOOLS, _PRESETS_LOCK, *sorted(_FRAGMENTS.iterdir())]
    code = artifact.inputs if artifact else ""
    words = (stage, code, digest_of_folders([_PRESETS]), digest_of_packager())
    return digest_of([*(path.read_bytes() for path in files), *(word.encode() for word in words)])


def _run_osls(folder: StackFolder, arguments: Sequence[str], target: Target) -> None:
    if not OSLS.is_file():
        raise PackagingError(f"osls is not installed at {OSLS}. Run `make setup`.")
    finished = subprocess.run(
        [str(NODE), str(OSLS), *arguments],
        cwd=folder.path,
        env=_osls_environment(target),
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        where = folder.template.relative_to(PROJECT_ROOT)
        said = f"{finished.stdout}\n{finished.stderr}".strip()
        raise PackagingError(f"osls {arguments[0]} failed for {where}:\n{said}")


def _osls_environment(target: Target) -> dict[str, str]:
    return {
        **os.environ,
        "PENSTOCK_ARTIFACTS": str(target.folder),
        "SLS_NOTIFICATIONS_MODE": "off",
        "SLS_TELEMETRY_DISABLED": "1",
    }
