"""Prepares the tool of a gate preset, and becomes its command."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from penstock_runner.presets.errors import PresetError
from penstock_runner.presets.gates.environments import node_environment, python_environment
from penstock_runner.presets.node_packages import manifest

_SCRIPT = "e2e"
Prepared = tuple[Mapping[str, str], Sequence[str]]
"""The variables of the command in addition to those of the job, and the command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Become the command. Where the tool cannot be prepared the exit code is 1, with the reason on
    stderr.
    """
    asked = _parser().parse_args(arguments)
    try:
        variables, command = _KINDS[asked.kind](asked, Path.cwd())
    except PresetError as error:
        sys.stderr.write(f"{asked.tool or asked.kind}: {error}\n")
        return 1
    return _become(command, variables)


def _become(command: Sequence[str], variables: Mapping[str, str]) -> NoReturn:
    sys.stdout.flush()
    os.execvpe(command[0], list(command), {**os.environ, **variables})  # noqa: S606  # as planned


def _python(asked: argparse.Namespace, folder: Path) -> Prepared:
    variables = python_environment(asked.tool, asked.version, folder, with_project=asked.project)
    return variables, asked.command


def _node(asked: argparse.Namespace, folder: Path) -> Prepared:
    return node_environment(asked.tool, asked.version, folder), asked.command


def _end_to_end(asked: argparse.Namespace, folder: Path) -> Prepared:
    """The script of package.json, or else what the command line says."""
    if _SCRIPT in (manifest(folder).get("scripts") or {}):
        return node_environment("", "", folder), ["npm", "run", _SCRIPT]
    return _python(asked, folder)


_KINDS: Mapping[str, Callable[[argparse.Namespace, Path], Prepared]] = {
    "python": _python,
    "node": _node,
    "e2e": _end_to_end,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gates", description="Run a gate preset.")
    parser.add_argument("kind", choices=sorted(_KINDS))
    parser.add_argument("--tool", default="")
    parser.add_argument("--version", default="", help="if no lock file names the tool")
    parser.add_argument("--project", action="store_true", help="with the project's packages")
    parser.add_argument("command", nargs="+")
    return parser


if __name__ == "__main__":
    sys.exit(main())
