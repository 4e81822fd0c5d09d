"""`build: {preset: static-site}`: the zip of a folder, with all files in it.

The folder is named in the component's, and its command has made it by then.
"""

import argparse
import sys
from collections.abc import Sequence

from penstock_runner.presets.bundle import all_files, write_zip
from penstock_runner.presets.errors import PresetError
from penstock_runner.presets.main import Report, run_preset

_OWN = (".git/", ".penstock-artifact")


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the zip. On failure the exit code is 1 and the reason is on stderr."""
    return run_preset("static-site", _add_options, _make, arguments)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", required=True, help="the folder, in the component's")


def _make(asked: argparse.Namespace, say: Report) -> None:
    folder = asked.source / asked.folder
    found = all_files(folder) if folder.is_dir() else {}
    files = {name: path for name, path in found.items() if not name.startswith(_OWN)}
    if not files:
        raise PresetError(
            f"{asked.folder} has no files: name the folder that holds the site in `folder`, and "
            "the command that makes it in `run`"
        )
    write_zip(files, asked.output)
    say(f"{len(files)} files of {asked.folder}")


if __name__ == "__main__":
    sys.exit(main())
