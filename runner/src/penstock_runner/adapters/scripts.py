"""The Python programs of the machine, run by the job's own Python.

A program such as `pytest` names the interpreter that it was installed for on its first line. Run
by that one, it would not find what the job has installed; run by the job's layer, which sees the
machine's packages too, it finds both.
"""

from pathlib import Path
from shlex import quote

from penstock_runner.adapters.interpreter import LAYER, Interpreter

_LONGEST_LINE = 256
_LAUNCH = """#!/bin/sh
program={folder}/"${{0##*/}}"
[ -x "$HOME/{layer}/bin/python" ] && exec "$HOME/{layer}/bin/python" "$program" "$@"
exec "$program" "$@"
"""


def add_scripts(folder: Path, interpreter: Interpreter) -> None:
    """Fill the new `folder` with a launcher for each Python program of the interpreter's."""
    folder.mkdir()
    for number, programs in enumerate(interpreter.programs):
        launcher = folder / f".launcher-{number}"
        launcher.write_text(_LAUNCH.format(folder=quote(programs), layer=LAYER))
        launcher.chmod(0o755)
        for program in sorted(Path(programs).iterdir()):
            link = folder / program.name
            if not link.is_symlink() and _is_run_by(interpreter.executable, program):
                link.symlink_to(launcher.name)


def _is_run_by(executable: Path, program: Path) -> bool:
    """Whether its first line names that interpreter, without options."""
    try:
        with program.open("rb") as file:
            first = file.readline(_LONGEST_LINE)
    except OSError:
        return False
    if not first.startswith(b"#!"):
        return False
    named = Path(first[2:].decode(errors="replace").strip())
    return named.name.startswith("python") and named.resolve() == executable.resolve()
