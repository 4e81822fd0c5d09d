"""Imports a function's handler from its zip, in a process of its own, and judges how that ended."""

import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock_runner.presets.errors import PresetError
from penstock_runner.presets.target import FunctionTarget

PATIENCE = 60.0
"""Seconds. Lambda itself gives an import ten."""
RAISED, MISSING = 3, 4
"""Exit codes of the process: the code raised an error of its own, or has no such function. With any
other but 0 the handler cannot be imported."""


@dataclass(frozen=True)
class ImportTrial:
    """The trial of one module.

    `without` says what is wrong if it lacks the function. `cause` is the index of the line that
    names an error, in what the language says of it.
    """

    module: str
    target: FunctionTarget
    language: str
    without: str
    cause: int

    def run(self, command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> str:
        """What the trial found out, in words. Raises PresetError if the import fails."""
        try:
            finished = subprocess.run(
                command,
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"{self.module} takes more than {PATIENCE:g} s to import here; Lambda allows ten"
        return self._judged(finished.returncode, finished.stderr.strip().replace(f"{folder}/", ""))

    def _judged(self, code: int, told: str) -> str:
        if code == MISSING:
            raise PresetError(self.without)
        if code == RAISED:
            error = told.splitlines()[self.cause]
            return f"{self.module} raised an error here, without its variables: {error}"
        if code:
            raise PresetError(
                f"{self.module} cannot be imported from the zip with {self.target}:\n{told}"
            )
        return f"imported with {self.language} {self.target.version}"


@contextmanager
def unpacked(bundle: Path) -> Iterator[Path]:
    """A folder with the content of the zip, removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(bundle) as opened:
            opened.extractall(folder)
        yield Path(folder)
