"""What the results of jobs depend on besides their inputs: the machine's system and tools."""

import platform
from collections.abc import Iterator
from pathlib import Path
from shutil import which

from penstock_runner.adapters.interpreter import Interpreter
from penstock_shared.contracts.jobs import TOOLCHAIN_CHARACTERS
from penstock_shared.identifiers import digest_of
from penstock_shared.printable import printable

TOOLS = (
    "sh", "bash", "git", "make", "cmake", "ninja", "gcc", "g++", "cc", "c++", "clang", "ld",
    "node", "npm", "npx", "pnpm", "yarn", "bun", "deno", "go", "cargo", "rustc", "java", "javac",
    "mvn", "gradle", "ruby", "bundle", "php", "composer", "dotnet", "swift", "terraform", "docker",
    "uv", "poetry", "tox", "nox", "pytest", "ruff", "mypy", "zip", "tar",
)  # fmt: skip
"""Programs that decide what builds and gates make of the same source."""
_DIGITS = 12


def describe_toolchain(path: str, interpreter: Interpreter | None) -> str:
    """The system, the Python and, as a digest, the tools of jobs with this PATH.

    For example `Linux x86_64, debian 12, Python 3.11.9, 3f2a9c1b2d4e`. Equal machines have equal
    ones. A tool that is replaced changes its size or its time, and so the digest; so does a package
    of the Python that jobs see.
    """
    python = f"Python {interpreter.release}" if interpreter else "no Python"
    installed = interpreter.installed if interpreter else ()
    tools = digest_of(*_tools_on(path), *installed)[:_DIGITS]
    words = (f"{platform.system()} {platform.machine()}", _distribution(), python, tools)
    return printable(", ".join(words))[:TOOLCHAIN_CHARACTERS]


def _distribution() -> str:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return platform.release()
    return f"{release['ID']} {release.get('VERSION_ID', '')}".strip()


def _tools_on(path: str) -> Iterator[str]:
    for name in TOOLS:
        found = which(name, path=path)
        if found:
            state = Path(found).stat()
            yield f"{name} {Path(found).resolve()} {state.st_size} {int(state.st_mtime)}"
