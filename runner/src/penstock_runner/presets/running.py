"""Runs the tools that presets are made of. Their output is told only when they fail."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from penstock_runner.presets.errors import PresetError

_LONGEST_TOLD = 8_000
"""Characters at the end of a tool's output."""


def run(command: Sequence[str | Path], folder: Path, **variables: str) -> str:
    """What the command writes to its standard output. Raises PresetError with all that it says."""
    finished = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=_without_colours(os.environ) | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if finished.returncode:
        told = "\n".join(filter(None, (finished.stdout.strip(), finished.stderr.strip())))
        raise PresetError(told[-_LONGEST_TOLD:] or f"exit code {finished.returncode}")
    return finished.stdout


def _without_colours(environ: Mapping[str, str]) -> dict[str, str]:
    """Presets read what tools say, and quote it."""
    return {**environ, "FORCE_COLOR": "0", "NO_COLOR": "1"}
