"""`build: {preset: python-package}`: a zip that holds the sdist and the wheel of a Python package.

The package's own build system makes them, in an environment of its own. Both are then packed anew
with fixed times, owners and order, because not every build system does so itself.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from penstock_runner.presets.bundle import all_files, write_zip
from penstock_runner.presets.errors import PresetError
from penstock_runner.presets.main import Report, no_options, run_preset
from penstock_runner.presets.repacking import repack_sdist, repack_wheel
from penstock_runner.presets.running import run
from penstock_runner.presets.tools import UV_OPTIONS, uv

_DATE = "SOURCE_DATE_EPOCH"
_FIRST_DATE = str(315532800)
"""1980, the first year that a zip can name."""
_PURE = "-none-any.whl"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the zip. On failure the exit code is 1 and the reason is on stderr."""
    return run_preset("python-package", no_options, _make, arguments)


def _make(asked: argparse.Namespace, say: Report) -> None:
    source: Path = asked.source
    if not any((source / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise PresetError(f"there is no pyproject.toml in {source.resolve()}: it is no package")
    with tempfile.TemporaryDirectory() as folder:
        made = _built(source, Path(folder))
        for name, path in made.items():
            say(f"made {name}{'' if name.endswith((_PURE, '.gz')) else ', for this machine only'}")
            (repack_wheel if name.endswith(".whl") else repack_sdist)(path)
        write_zip(made, asked.output)


def _built(source: Path, folder: Path) -> dict[str, Path]:
    """The sdist and the wheel, by name. The wheel is made of the sdist, so that lacks nothing."""
    date = os.environ.get(_DATE) or _FIRST_DATE
    command: list[str | Path] = [
        uv(),
        "build",
        *UV_OPTIONS,
        "--python",
        sys.executable,
        "--out-dir",
        folder,
        ".",
    ]
    try:
        run(command, source, **{_DATE: date})
    except PresetError as error:
        raise PresetError(f"the package could not be built:\n{error}") from error
    return {name: path for name, path in all_files(folder).items() if not name.startswith(".")}


if __name__ == "__main__":
    sys.exit(main())
