"""Compiles bytecode for function folders, which are read-only on Lambda."""

import subprocess
from pathlib import Path

from penstock.packaging.errors import PackagingError

# The folder of a function's code on Lambda. Bytecode holds it, and tracebacks show it.
_TASK_ROOT = "/var/task"


def compile_folder(folder: Path, compiler: Path | None) -> None:
    """Write bytecode beside every module; does nothing without a `compiler`.

    The bytecode is `unchecked-hash`: a check by file time would reject it, since file times in
    the zip are fixed. One process compiles all files in sorted order, because only then the
    interpreter's marshalling is reproducible. Raises PackagingError.
    """
    if compiler is None:
        return
    mode = ("--invalidation-mode", "unchecked-hash", "-q", "-f")
    paths = ("-s", str(folder), "-p", _TASK_ROOT, str(folder))
    command = [str(compiler), "-I", "-m", "compileall", *mode, *paths]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise PackagingError(f"{folder} does not compile:\n{finished.stdout}{finished.stderr}")
