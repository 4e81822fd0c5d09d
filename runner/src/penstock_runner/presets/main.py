"""What the presets' command lines share."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from penstock_runner.presets.errors import PresetError

Report = Callable[[str], None]
"""Says a line in the job's log."""


def run_preset(
    name: str,
    add_options: Callable[[argparse.ArgumentParser], None],
    make: Callable[[argparse.Namespace, Report], None],
    arguments: Sequence[str] | None,
) -> int:
    """Make the artifact. On failure none is left, and the exit code is 1 with the reason on stderr.

    All presets take `--source`, the component's folder, and `--output`, the artifact.
    """
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--source", type=Path, required=True, help="the component's folder")
    parser.add_argument("--output", type=Path, required=True, help="the artifact to make")
    add_options(parser)
    asked = parser.parse_args(arguments)
    output: Path = asked.output
    output.unlink(missing_ok=True)
    try:
        make(asked, lambda line: print(f"{name}: {line}", flush=True))
    except PresetError as error:
        output.unlink(missing_ok=True)
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    print(f"{name}: {output}, {output.stat().st_size:,} bytes")
    return 0


def no_options(_parser: argparse.ArgumentParser) -> None:
    """Of presets that take nothing else."""


def add_function_options(parser: argparse.ArgumentParser) -> None:
    """What presets for Lambda functions take."""
    parser.add_argument(
        "--include", type=Path, action="append", default=[], help="a folder whose content goes in"
    )
    parser.add_argument("--runtime", required=True, help="such as python3.13 or nodejs22.x")
    parser.add_argument("--architecture", default="x86_64", help="x86_64 or arm64")
    parser.add_argument("--handler", default="", help="such as handler.handler")


def checked_folders(source: Path, include: Sequence[Path]) -> list[Path]:
    """The included folders, relative to the component's, and the component's own. Raises
    PresetError if one is missing.
    """
    folders = [*(source / each for each in include), source]
    for folder in folders:
        if not folder.is_dir():
            raise PresetError(f"there is no folder {folder}")
    return folders
