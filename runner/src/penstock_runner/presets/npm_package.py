"""`build: {preset: npm-package}`: the tarball that `npm pack` makes, ready for `npm publish`.

With a package-lock.json its packages are installed first, so that the package's own `prepack` and
`prepare` scripts find their tools. npm writes the same bytes for the same files.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from penstock_runner.presets.errors import PresetError
from penstock_runner.presets.main import Report, no_options, run_preset
from penstock_runner.presets.node_packages import install, locked, manifest, pack


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the tarball. On failure the exit code is 1 and the reason is on stderr."""
    return run_preset("npm-package", no_options, _make, arguments)


def _make(asked: argparse.Namespace, say: Report) -> None:
    source: Path = asked.source
    content = manifest(source)
    if not (content.get("name") and content.get("version")):
        raise PresetError(
            f"{source.resolve()} has no package.json with a name and a version, so there is no "
            "package to make"
        )
    if locked(source):
        install(source)
    with tempfile.TemporaryDirectory() as folder:
        tarball = pack(source, Path(folder))
        say(f"made {tarball.name}")
        shutil.copyfile(tarball, asked.output)


if __name__ == "__main__":
    sys.exit(main())
