"""Checks that a target executes the native code in its artifact.

ELF: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html. The names of an extension
module end in the tag of its interpreter: https://peps.python.org/pep-3149/.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from penstock_runner.presets.errors import PresetError
from penstock_runner.presets.target import FunctionTarget

_MAGIC = b"\x7fELF"
_MACHINE = slice(18, 20)
_MACHINES = {62: "x86_64", 183: "arm64"}
_OTHER_SYSTEMS = (b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_EXTENSIONS = {".node", ".so", ".pyd", ".dylib"}
_TAG = re.compile(r"\.cpython-(\d)(\d+)-")
_GLIBC = re.compile(rb"GLIBC_2\.(\d{1,3})\0")


def native_files(files: Mapping[str, Path]) -> list[str]:
    """The names of the files that are native code of Linux."""
    return [name for name, path in files.items() if _begins(path) == _MAGIC]


def check_native(files: Mapping[str, Path], target: FunctionTarget) -> list[str]:
    """The names of native files. Raises PresetError if the target cannot execute one of them."""
    for name, path in files.items():
        if path.suffix in _EXTENSIONS and _begins(path).startswith(_OTHER_SYSTEMS):
            raise PresetError(f"{name} is native code of another system, and {target} is Linux")
    native = native_files(files)
    for name in native:
        if reason := _unsuitable(name, files[name].read_bytes(), target):
            raise PresetError(
                f"{name} {reason}, and the function runs {target}. Depend on a version of the "
                "package that has a build for it, or build on such a machine"
            )
    return native


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_MAGIC))


def _unsuitable(name: str, content: bytes, target: FunctionTarget) -> str:
    machine = _MACHINES.get(int.from_bytes(content[_MACHINE], "little"), "another machine")
    if machine != target.architecture:
        return f"is native code for {machine}"
    tag = _TAG.search(name)
    if tag and target.language == "python" and f"{tag[1]}.{tag[2]}" != target.version:
        return f"is for Python {tag[1]}.{tag[2]}"
    needed = max((int(found) for found in _GLIBC.findall(content)), default=0)
    if (2, needed) > target.glibc:
        return f"needs glibc 2.{needed}"
    return ""
