"""What an artifact is made for: whose wheels it carries and whose bytecode."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from penstock.project import BUILD, EMULATOR_PYTHON

AWS_PYTHON = "3.13"
AWS_PLATFORM = "aarch64-manylinux2014"


@dataclass(frozen=True)
class Target:
    """One kind of machine that functions run on.

    `wheels` are the options by which uv picks wheels for it. `compiler` is an interpreter of its
    own minor version, or None where there is none here: bytecode of another version would only be
    thrown away at every cold start, so such an artifact carries none. `folder` gets what is made.
    """

    name: str
    wheels: tuple[str, ...]
    compiler: Path | None
    folder: Path

    def description(self) -> str:
        """All of the target that an artifact's bytes depend on."""
        version = _version_of(self.compiler) if self.compiler else "no bytecode"
        return " ".join((self.name, *self.wheels, version))


def aws_target() -> Target:
    """Lambda on arm64. Set PENSTOCK_TARGET_PYTHON to a Python 3.13 that is not on the PATH."""
    wheels = ("--python-platform", AWS_PLATFORM, "--python-version", AWS_PYTHON)
    return Target("aws", wheels, _interpreter(AWS_PYTHON), BUILD / "aws")


def local_target() -> Target:
    """The emulator: it runs functions on its own interpreter, whatever their Runtime says."""
    wheels = ("--python", str(EMULATOR_PYTHON))
    return Target("local", wheels, EMULATOR_PYTHON, BUILD / "local")


def _interpreter(minor_version: str) -> Path | None:
    named = os.environ.get("PENSTOCK_TARGET_PYTHON") or shutil.which(f"python{minor_version}")
    if not named or not _version_of(Path(named)).startswith(f"{minor_version}."):
        return None
    return Path(named)


def _version_of(interpreter: Path) -> str:
    """Its version, such as 3.13.0; empty when it does not run, as a version manager's shim may."""
    ask = "import platform; print(platform.python_version())"
    command = [str(interpreter), "-I", "-c", ask]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
