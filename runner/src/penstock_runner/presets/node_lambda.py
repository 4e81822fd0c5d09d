"""`build: {preset: node-lambda}`: the zip of a Lambda function in JavaScript or TypeScript.

Without `entry` it holds the component's files, the content of the included folders, and the
production packages of package-lock.json for the function's own architecture. With `entry` it holds
one file, which the esbuild of the component's own lock makes of that and all that it imports, and
the content of the included folders. Install scripts of packages are never run.

    python -I -m penstock_runner.presets.node_lambda --source . --runtime nodejs22.x \
        --architecture arm64 --handler index.handler --output function.zip
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from penstock_runner.presets.bundle import (
    all_files,
    component_files,
    merge,
    package_files,
    write_zip,
)
from penstock_runner.presets.errors import PresetError
from penstock_runner.presets.main import Report, add_function_options, checked_folders, run_preset
from penstock_runner.presets.native import check_native
from penstock_runner.presets.node_packages import install, locked
from penstock_runner.presets.node_trial import try_node_handler
from penstock_runner.presets.running import run
from penstock_runner.presets.target import FunctionTarget
from penstock_runner.presets.tools import node_variables

_MODULES = (".js", ".mjs", ".cjs")
_PROCESSORS = {"x86_64": "x64", "arm64": "arm64"}
"""Node's names of Lambda's architectures."""
_PROVIDED = "@aws-sdk"
"""What Lambda's runtimes for Node bring along."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the zip. On failure the exit code is 1 and the reason is on stderr."""
    return run_preset("node-lambda", _add_options, _make, arguments)


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_function_options(parser)
    parser.add_argument("--entry", default="", help="the file that esbuild bundles")


def _make(asked: argparse.Namespace, say: Report) -> None:
    target = FunctionTarget.of(asked.runtime, asked.architecture)
    *included, source = checked_folders(asked.source, asked.include)
    with tempfile.TemporaryDirectory() as scratch:
        if asked.entry:
            own = _bundled(source, asked, Path(scratch), target)
        else:
            own = _with_packages(source, target)
        files = merge(*(component_files(folder) for folder in included), own.items())
        _check_handler(files, source, asked.handler)
        native = check_native(files, target)
        write_zip(files, asked.output)
    say(f"{len(files)} files for {target}")
    if asked.handler:
        say(try_node_handler(asked.output, asked.handler, target, native=bool(native)))


def _with_packages(source: Path, target: FunctionTarget) -> dict[str, Path]:
    if locked(source):
        processor = _PROCESSORS[target.architecture]
        for_target = ("--os=linux", f"--cpu={processor}", "--libc=glibc")
        install(source, "--omit=dev", *for_target)
    return merge(component_files(source), package_files(source / "node_modules"))


def _bundled(
    source: Path, asked: argparse.Namespace, scratch: Path, target: FunctionTarget
) -> dict[str, Path]:
    if not (source / asked.entry).is_file():
        raise PresetError(f"there is no file {asked.entry} for `entry` to bundle")
    if locked(source):
        install(source)
    esbuild = source / "node_modules" / "esbuild" / "bin" / "esbuild"
    if not esbuild.is_file():
        raise PresetError(
            "`entry` is bundled by the component's own esbuild, and package-lock.json has none: "
            "`npm install --save-dev esbuild`"
        )
    name = f"{_module_of(asked.handler) if asked.handler else 'index'}.js"
    options = ["--bundle", "--platform=node", "--format=cjs", f"--target=node{target.version}"]
    if not (source / "node_modules" / _PROVIDED).is_dir():
        options.append(f"--external:{_PROVIDED}/*")
    command = [esbuild, asked.entry, *options, "--log-level=warning"]
    _explained(command, source, scratch / name)
    return all_files(scratch)


def _explained(command: list[str | Path], source: Path, output: Path) -> None:
    try:
        run([*command, f"--outfile={output}"], source, **node_variables())
    except PresetError as error:
        raise PresetError(f"esbuild failed:\n{error}") from error


def _check_handler(files: Mapping[str, Path], source: Path, handler: str) -> None:
    if not any(name.endswith(_MODULES) for name in files):
        raise PresetError(
            f"there is no JavaScript in {source.resolve()} to make a function of. Point `path` at "
            "the folder that holds the handler; for TypeScript name the file to bundle in `entry`"
        )
    module = _module_of(handler)
    if handler and not any(f"{module}{ending}" in files for ending in _MODULES):
        raise PresetError(
            f"the handler {handler} would be in {module}.js, and the zip has no such file. Point "
            "`path` at its folder, or name it in `deploy.handler`"
        )


def _module_of(handler: str) -> str:
    """`src/index` of `src/index.handler`: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html."""
    return handler.rpartition(".")[0]


if __name__ == "__main__":
    sys.exit(main())
