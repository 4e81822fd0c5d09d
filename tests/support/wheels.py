"""Python packages made on the spot, so that tests of installers need no network."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

PURE = "py3-none-any"


def a_wheel(
    folder: Path,
    name: str = "greeting",
    files: Mapping[str, bytes] | None = None,
    *,
    version: str = "1.0",
    tag: str = PURE,
    requires: str = "",
) -> Path:
    """A wheel with these files, or with one module of its name."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-{tag}.whl"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as opened:
        for path, content in (files or {f"{name}/__init__.py": b"HELLO = 'hello'"}).items():
            opened.writestr(path, content)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        opened.writestr(f"{info}/METADATA", metadata)
        opened.writestr(
            f"{info}/WHEEL",
            f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        )
        opened.writestr(f"{info}/RECORD", "")
    return wheel


def a_sdist(folder: Path, name: str) -> Path:
    """A source distribution, which has a build system of its own inside."""
    folder.mkdir(parents=True, exist_ok=True)
    sdist = folder / f"{name}-1.0.tar.gz"
    members = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
        'backend-path = ["."]\n',
        "backend.py": backend_of(name),
    }
    with tarfile.open(sdist, "w:gz") as opened:
        for path, text in members.items():
            member = tarfile.TarInfo(f"{name}-1.0/{path}")
            member.size = len(text.encode())
            opened.addfile(member, io.BytesIO(text.encode()))
    return sdist


def backend_of(name: str, *files: str) -> str:
    """A build system that needs nothing. It makes a wheel of these files of `src`, or of one that
    says which Python built it.
    """
    content = f"[(each.removeprefix('src/'), open(each).read()) for each in {list(files)!r}]"
    if not files:
        content = f"[('{name}.py', 'BUILT_WITH = %r' % ('%d.%d' % sys.version_info[:2]))]"
    info = f"{name}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    about = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {PURE}\n"
    return f"""
import pathlib, sys, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "{name}-1.0-{PURE}.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as opened:
        for path, text in {content}:
            opened.writestr(path, text)
        opened.writestr("{info}/METADATA", {metadata!r})
        opened.writestr("{info}/WHEEL", {about!r})
        opened.writestr("{info}/RECORD", "")
    return name
"""


def native_code(machine: int, glibc: int = 17) -> bytes:
    """The beginning of an ELF file for that machine, and the name of a libc that it needs."""
    header = b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little")
    return header + bytes(44) + b"\0GLIBC_2." + str(glibc).encode() + b"\0"
