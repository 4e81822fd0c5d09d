"""Installs the packages of a requirements.txt into a folder, with uv or else with pip."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from penstock_runner.presets.errors import PresetError

UV = "uv"


@dataclass(frozen=True)
class Machine:
    """The target of the packages; empty fields mean this machine.

    `platform` is uv's name (aarch64-manylinux2014), `python` a version (3.13).
    """

    platform: str = ""
    python: str = ""


def has_entries(requirements: Path) -> bool:
    """Whether the file has anything but comments."""
    if not requirements.is_file():
        return False
    lines = requirements.read_text(encoding="utf-8").splitlines()
    return any(line.split("#", 1)[0].strip() for line in lines)


def vendor(requirements: Path, folder: Path, machine: Machine) -> None:
    """Install into `folder`. Raises PresetError with the installer's output."""
    command = [*_command(machine), "--target", str(folder), "--requirement", str(requirements)]
    finished = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if finished.returncode:
        raise PresetError(f"{requirements} could not be installed:\n{finished.stdout.strip()}")


def _command(machine: Machine) -> list[str]:
    uv = Path(sys.executable).parent / UV
    if uv.is_file():
        return [str(uv), "pip", "install", "--quiet", *_for_uv(machine)]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-compile"]
    return [sys.executable, "-m", "pip", "install", *quiet, *_for_pip(machine)]


def _for_uv(machine: Machine) -> list[str]:
    options = ["--python", sys.executable]
    if machine.platform:
        options += ["--python-platform", machine.platform, "--only-binary", ":all:"]
    if machine.python:
        options += ["--python-version", machine.python]
    return options


def _for_pip(machine: Machine) -> list[str]:
    options = []
    if machine.platform:
        architecture, _, libc = machine.platform.partition("-")
        options += ["--platform", f"{libc}_{architecture}"]
    if machine.python:
        options += ["--python-version", machine.python]
    return [*options, "--only-binary=:all:"] if options else []
