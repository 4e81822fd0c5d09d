"""The target of a function's artifact: its language's version, its architecture, its libc."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from penstock_runner.presets.errors import PresetError

_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
"""The kernel's names of Lambda's architectures."""
_AMAZON_LINUX_2, _AMAZON_LINUX_2023 = (2, 26), (2, 34)
"""Versions of their glibc: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html and
https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html."""
_FIRST_ON_2023 = {"python": 12, "nodejs": 20}
_OTHER_PLACES = ("versions/{}*/bin", "installs/python/{}*/bin")
"""Where version managers keep interpreters, seen from the folder above their shims."""
_VERSION_OF = "import sys; print('%d.%d' % sys.version_info[:2], sys.implementation.name)"


@dataclass(frozen=True)
class FunctionTarget:
    """What runs the artifact. `language` is `python` or `nodejs`, `version` is `3.13` or `22`."""

    language: str
    version: str
    architecture: str

    @classmethod
    def of(cls, runtime: str, architecture: str) -> "FunctionTarget":
        """The target of a Lambda runtime, for example `python3.13` on `arm64`."""
        language = "python" if runtime.startswith("python") else "nodejs"
        version = runtime.removeprefix(language).removesuffix(".x")
        if architecture not in _MACHINES or not version.replace(".", "").isdecimal():
            raise PresetError(f"there is no runtime {runtime} on {architecture}")
        return cls(language, version, architecture)

    def __str__(self) -> str:
        return f"{self.language}{self.version} on {self.architecture}"

    @property
    def machine(self) -> str:
        """The kernel's name of the architecture."""
        return _MACHINES[self.architecture]

    @property
    def glibc(self) -> tuple[int, int]:
        """The version of the libc that native code finds."""
        newer = int(self.version.rpartition(".")[2]) >= _FIRST_ON_2023[self.language]
        return _AMAZON_LINUX_2023 if newer else _AMAZON_LINUX_2

    @property
    def platform(self) -> str:
        """The name that uv has for it. Wheels for an older libc are taken too."""
        major, minor = self.glibc
        old = self.glibc == _AMAZON_LINUX_2
        return f"{self.machine}-manylinux{'2014' if old else f'_{major}_{minor}'}"

    @property
    def runs_natively(self) -> bool:
        """Whether this machine executes native code of the target."""
        libc, version = platform.libc_ver()
        found = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
        here = (platform.system(), platform.machine(), libc) == ("Linux", self.machine, "glibc")
        return here and found >= self.glibc

    @cached_property
    def python(self) -> Path | None:
        """An interpreter of the target's version on this machine."""
        candidates = (path for path in _candidates(self.version) if path.is_file())
        return next((path for path in candidates if _is_of(path, self.version)), None)


def _candidates(version: str) -> Iterator[Path]:
    name = f"python{version}"
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        yield Path(sys.executable)
    for folder in os.get_exec_path():
        if Path(folder).name != "shims":
            yield Path(folder, name)
            continue
        # A shim starts a shell to find out which of the interpreters beside it is meant.
        for place in _OTHER_PLACES:
            found_there = sorted(Path(folder).parent.glob(place.format(version)))
            yield from (each / name for each in found_there)


def _is_of(python: Path, version: str) -> bool:
    try:
        answer = subprocess.run(
            [python, "-I", "-S", "-c", _VERSION_OF],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False  # a version manager's shim without that version, for example
    return answer.stdout.split() == [version, "cpython"]
