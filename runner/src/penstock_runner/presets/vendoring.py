"""Installs a function's packages into a folder, for its target."""

import re
import sys
from pathlib import Path

from penstock_runner.presets.errors import PresetError
from penstock_runner.presets.requirements import Requirements
from penstock_runner.presets.running import run
from penstock_runner.presets.target import FunctionTarget
from penstock_runner.presets.tools import UV_OPTIONS, uv

_WITHOUT_WHEEL = re.compile(
    r"Wheels are required for `([^`]+)`|Because (\S+?)(?:==\S+)? has no usable wheels"
    r"|attempted to build `([^`]+)`"
)


def vendor(requirements: Requirements, source: Path, folder: Path, target: FunctionTarget) -> None:
    """Install into `folder`, as wheels of the target.

    A package that has none is built if this machine is such a target, and refused otherwise; what
    is in the repository is built in any case. Raises PresetError with the installer's output.
    """
    here = target.python if target.runs_natively else None
    builds = [] if here else ["--only-binary", ":all:"]
    for name in requirements.local if builds else ():
        builds += ["--no-binary", name]
    constraints = requirements.constraints
    command = [
        *(uv(), "pip", "install", *UV_OPTIONS),
        *("--python", here or sys.executable, "--python-version", target.version),
        *("--python-platform", target.platform, *builds),
        *(("--constraint", constraints) if constraints else ()),
        *("--target", folder, "--requirement", requirements.file),
    ]
    try:
        run(command, source)
    except PresetError as error:
        raise PresetError(_explained(str(error), requirements.origin, target)) from error


def _explained(told: str, origin: Path, target: FunctionTarget) -> str:
    if found := _WITHOUT_WHEEL.search(told):
        name = next(filter(None, found.groups()))
        return (
            f"{origin}: {name} has no wheel for {target}, and can only be built on such a machine: "
            f"this is another. Depend on a version of it that has a wheel.\n{told}"
        )
    return f"{origin} could not be installed for {target}:\n{told}"
