"""CloudFormation templates, made offline by osls from each serverless.yml."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from penstock.packaging.errors import PackagingError
from penstock.packaging.targets import Target
from penstock.project import NODE, OSLS, PROJECT_ROOT, StackFolder

_AT_ONCE = 2


def package_templates(folders: Sequence[StackFolder], target: Target, stage: str) -> list[Path]:
    """Package every stack into `.build/<target>/<stack>/`; returns those folders.

    Raises PackagingError.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda folder: _package_template(folder, target, stage), folders))


def _package_template(folder: StackFolder, target: Target, stage: str) -> Path:
    output = target.folder / folder.name
    arguments = ("package", "--stage", stage, "--package", str(output))
    run_osls(folder, arguments, osls_environment(target, os.environ))
    return output


def osls_environment(target: Target, base: Mapping[str, str]) -> dict[str, str]:
    """The environment in which osls finds this target's artifacts and calls no one."""
    return {
        **base,
        "PENSTOCK_ARTIFACTS": str(target.folder),
        "SLS_NOTIFICATIONS_MODE": "off",
        "SLS_TELEMETRY_DISABLED": "1",
    }


def run_osls(folder: StackFolder, arguments: Sequence[str], environment: dict[str, str]) -> None:
    """Run osls in the stack's folder. Raises PackagingError with what it printed."""
    if not OSLS.is_file():
        raise PackagingError(f"osls is not installed at {OSLS}. Run `make setup`.")
    command = [str(NODE), str(OSLS), *arguments]
    finished = subprocess.run(
        command, cwd=folder.path, env=environment, capture_output=True, text=True, check=False
    )
    if finished.returncode:
        where = folder.template.relative_to(PROJECT_ROOT)
        said = f"{finished.stdout}\n{finished.stderr}".strip()
        raise PackagingError(f"osls {arguments[0]} failed for {where}:\n{said}")
