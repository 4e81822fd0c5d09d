"""The platforms that artifacts are made for."""

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
    """One platform that functions run on.

    `wheels` are the options of uv that select its wheels. `compiler` is an interpreter of the
    platform's minor version, or None if this machine has none: the artifact then has no bytecode,
    since every cold start would reject that of another version. `folder` receives the output.
    """

    name: str
    wheels: tuple[str, ...]
    compiler: Path | None
    folder: Path

    def description(self) -> str:
        """Everything about the target that the bytes of an artifact depend on."""
        version = _version_of(self.compiler) if self.compiler else "no bytecode"
        return " ".join((self.name, *self.wheels, version))


def aws_target() -> Target:
    """Lambda on arm64. Set PENSTOCK_TARGET_PYTHON to a Python 3.13 that is not on the PATH."""
    wheels = ("--python-platform", AWS_PLATFORM, "--python-version", AWS_PYTHON)
    return Target("aws", wheels, _interpreter(AWS_PYTHON), BUILD / "aws")


def local_target() -> Target:
    """The emulator. It runs functions on its own interpreter and ignores their Runtime."""
    wheels = ("--python", str(EMULATOR_PYTHON))
    return Target("local", wheels, EMULATOR_PYTHON, BUILD / "local")


def _interpreter(minor_version: str) -> Path | None:
    named = os.environ.get("PENSTOCK_TARGET_PYTHON") or shutil.which(f"python{minor_version}")
    if not named or not _version_of(Path(named)).startswith(f"{minor_version}."):
        return None
    return Path(named)


def _version_of(interpreter: Path) -> str:
    """The version, such as 3.13.0; empty when it does not run, as a version manager's shim may."""
    ask = "import platform; print(platform.python_version())"
    command = [str(interpreter), "-I", "-c", ask]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
