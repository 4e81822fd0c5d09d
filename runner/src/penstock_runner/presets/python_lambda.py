"""`build: {preset: python-lambda}`: the zip of a Lambda function in Python.

The root of the zip holds the packages of the component's requirements.txt, the content of the
included folders, and the component's own files. Equal inputs make equal bytes.

    python -I -m penstock_runner.presets.python_lambda --source . --include ../../libs/common/src \
        --output dist/function.zip
"""

import argparse
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from penstock_runner.presets.bundle import component_files, merge, vendored_files, write_zip
from penstock_runner.presets.errors import PresetError
from penstock_runner.presets.vendoring import Machine, has_entries, vendor

_CODE = (".py", ".so")


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the zip. On failure the exit code is 1 and the reason is on stderr."""
    asked = _parser().parse_args(arguments)
    try:
        machine = Machine(asked.platform, asked.python_version)
        make(asked.source, asked.include, asked.output, machine)
    except PresetError as error:
        sys.stderr.write(f"python-lambda: {error}\n")
        return 1
    return 0


def make(source: Path, include: Sequence[Path], output: Path, machine: Machine) -> None:
    """Make the zip `output` of the component in `source`. Raises PresetError."""
    for folder in (source, *include):
        if not folder.is_dir():
            raise PresetError(f"there is no folder {folder}")
    output.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        packages = Path(temporary)
        requirements = source / "requirements.txt"
        if has_entries(requirements):
            vendor(requirements, packages, machine)
        elif not requirements.is_file():
            _check_dependencies(source)
        folders = [component_files(folder) for folder in (*include, source)]
        files = merge(vendored_files(packages), *folders)
        _check_code(files, source)
        write_zip(files, output)
    sys.stdout.write(f"{output}: {len(files)} files, {output.stat().st_size:,} bytes\n")


def _check_code(files: Mapping[str, Path], source: Path) -> None:
    if any(name.endswith(_CODE) for name in files):
        return
    found = f"only {', '.join(sorted(files)[:3])}" if files else "nothing"
    raise PresetError(
        f"there is no Python code in {source.resolve()} to make a function of: {found}. Point "
        "`path` at the folder that holds the handler, name folders of libraries in `include`, and "
        "packages in requirements.txt; a pyproject.toml is not read"
    )


def _check_dependencies(source: Path) -> None:
    """Refuse a zip that would lack what the component's pyproject.toml depends on."""
    try:
        with (source / "pyproject.toml").open("rb") as file:
            project = tomllib.load(file).get("project")
    except FileNotFoundError:
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PresetError(f"{file.name} cannot be read: {error}") from error
    if isinstance(project, dict) and (needed := project.get("dependencies")):
        raise PresetError(
            f"{file.name} depends on {needed[0]}, and there is no requirements.txt: write one that "
            "names what goes into the zip, an empty one for nothing"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python-lambda", description="Zip a Lambda function.")
    parser.add_argument("--source", type=Path, required=True, help="the component's folder")
    parser.add_argument(
        "--include", type=Path, action="append", default=[], help="a folder whose content goes in"
    )
    parser.add_argument("--output", type=Path, required=True, help="the zip to make")
    parser.add_argument("--platform", default="", help="such as aarch64-manylinux2014")
    parser.add_argument("--python-version", default="", help="such as 3.13")
    return parser


if __name__ == "__main__":
    sys.exit(main())
