"""`build: {preset: python-lambda}`: the zip of a Lambda function in Python.

The root of the zip holds the function's packages (see requirements.py), the content of the
included folders, and the component's own files; those of its `src` if the handler is there. Equal
inputs make equal bytes.

    python -I -m penstock_runner.presets.python_lambda --source . --include ../../libs/common/src \
        --runtime python3.13 --architecture arm64 --handler handler.handler --output function.zip
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from penstock_runner.presets.bundle import (
    component_files,
    merge,
    vendored_files,
    without_folder,
    write_zip,
)
from penstock_runner.presets.errors import PresetError
from penstock_runner.presets.main import Report, add_function_options, checked_folders, run_preset
from penstock_runner.presets.native import check_native
from penstock_runner.presets.requirements import Requirements, find_requirements
from penstock_runner.presets.target import FunctionTarget
from penstock_runner.presets.trial import try_handler
from penstock_runner.presets.vendoring import vendor

_CODE = (".py", ".so")
_MODULE_ENDS = (".py", "/__init__.py")
_SRC = "src"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the zip. On failure the exit code is 1 and the reason is on stderr."""
    return run_preset("python-lambda", add_function_options, _make, arguments)


def _make(asked: argparse.Namespace, say: Report) -> None:
    source: Path = asked.source
    target = FunctionTarget.of(asked.runtime, asked.architecture)
    folders = checked_folders(source, asked.include)
    with tempfile.TemporaryDirectory() as scratch:
        packages = Path(scratch) / "packages"
        packages.mkdir()
        if requirements := find_requirements(source, Path(scratch)):
            vendor(requirements, source, packages, target)
            say(_told(requirements))
        *included, own = [dict(component_files(folder)) for folder in folders]
        parts = [*included, _from_src(own, asked.handler)]
        files = merge(vendored_files(packages), *(part.items() for part in parts))
        _check_code(files, source, asked.handler)
        native = check_native(files, target)
        write_zip(files, asked.output)
        say(f"{len(files)} files for {target}")
        if asked.handler:
            say(try_handler(asked.output, asked.handler, target, native=bool(native)))


def _told(requirements: Requirements) -> str:
    if requirements.pinned:
        return f"packages of {requirements.origin}"
    return (
        f"packages of {requirements.origin}, which does not pin them: another day's build may hold "
        "others. A uv.lock, or a requirements.txt made by `uv pip compile`, pins them"
    )


def _from_src(own: dict[str, Path], handler: str) -> dict[str, Path]:
    """The component's files, with those of its `src` at the root if only there is the handler."""
    if not handler or _has_module(own, handler):
        return own
    moved = without_folder(own, _SRC)
    return moved if _has_module(moved, handler) else own


def _has_module(files: Mapping[str, Path], handler: str) -> bool:
    module = _module_of(handler)
    endings = (*_MODULE_ENDS, ".so")
    compiled = any(name.startswith(f"{module}.") and name.endswith(".so") for name in files)
    return compiled or any(f"{module}{ending}" in files for ending in endings)


def _module_of(handler: str) -> str:
    """`orders/api` of `orders.api.handle`."""
    return handler.rpartition(".")[0].replace(".", "/")


def _check_code(files: Mapping[str, Path], source: Path, handler: str) -> None:
    if not any(name.endswith(_CODE) for name in files):
        found = f"only {', '.join(sorted(files)[:3])}" if files else "nothing"
        raise PresetError(
            f"there is no Python code in {source.resolve()} to make a function of: {found}. Point "
            "`path` at the folder that holds the handler, name folders of libraries in `include`, "
            "and packages in requirements.txt or a lock"
        )
    if handler and not _has_module(files, handler):
        raise PresetError(
            f"the handler {handler} would be in {_module_of(handler)}.py, and the zip has no such "
            "file. Point `path` at its folder, or name it in `deploy.handler`"
        )


if __name__ == "__main__":
    sys.exit(main())
