"""Bytecode that a read-only function folder can use."""

import subprocess
from pathlib import Path

from penstock.packaging.errors import PackagingError

# Where functions find their code on Lambda: bytecode carries it, and tracebacks show it.
_TASK_ROOT = "/var/task"


def compile_folder(folder: Path, compiler: Path | None) -> None:
    """Write bytecode beside every module, if there is a compiler of the target's version.

    The bytecode is never checked against its source: a zip's file times are fixed, so a check by
    time would throw it away. One process compiles all files in sorted order, because the
    interpreter's marshalling is repeatable only then. Raises PackagingError.
    """
    if compiler is None:
        return
    mode = ("--invalidation-mode", "unchecked-hash", "-q", "-f")
    paths = ("-s", str(folder), "-p", _TASK_ROOT, str(folder))
    command = [str(compiler), "-I", "-m", "compileall", *mode, *paths]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise PackagingError(f"{folder} does not compile:\n{finished.stdout}{finished.stderr}")
