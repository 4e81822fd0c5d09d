"""Imports a function's handler from its zip with a Node of its own version."""

import subprocess
from collections.abc import Iterator
from os import defpath, get_exec_path
from pathlib import Path
from shutil import which

from penstock_runner.presets.import_trial import ImportTrial, unpacked
from penstock_runner.presets.target import FunctionTarget
from penstock_runner.presets.tools import npm

_ENDINGS = ("js", "mjs", "cjs")
_TRIAL = """
import { pathToFileURL } from "node:url";
const [file, name] = process.argv.slice(1);
try {
  const found = await import(pathToFileURL(file).href);
  const handler = found[name] ?? found.default?.[name];
  process.exit(typeof handler === "function" ? 0 : 4);
} catch (error) {
  const missing = ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"].includes(error?.code);
  console.error(error?.stack ?? error);
  if (missing && /@(aws-sdk|smithy)\\//.test(error.message)) process.exit(3);
  process.exit(missing || error instanceof SyntaxError ? 2 : 3);
}
"""


def try_node_handler(bundle: Path, handler: str, target: FunctionTarget, *, native: bool) -> str:
    """What the trial found out, in words. Raises PresetError if the handler cannot be imported.

    An error that the code itself raises is no reason to refuse it, nor is the AWS SDK missing here:
    Lambda brings it along. `native` says whether native code is in the zip.
    """
    node = next(_nodes(target.version), None)
    if node is None:
        return f"not imported: no Node {target.version} on this machine"
    if native and not target.runs_natively:
        return f"not imported: its native code is for {target.architecture}"
    with unpacked(bundle) as folder:
        return _tried(node, folder, handler, target)


def _nodes(version: str) -> Iterator[str]:
    """The programs of that major version on this machine."""
    on_path = (which("node", path=folder) for folder in get_exec_path())
    for node in (npm()[0], *filter(None, on_path)):
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
        if answer.stdout.startswith(f"v{version}."):
            yield node


def _tried(node: str, folder: Path, handler: str, target: FunctionTarget) -> str:
    module, _, name = handler.rpartition(".")
    file = next(path for end in _ENDINGS if (path := folder / f"{module}.{end}").is_file())
    command = [node, "--input-type=module", "--eval", _TRIAL, str(file), name]
    variables = {"PATH": defpath, "HOME": str(folder), "AWS_REGION": "us-east-1", "TZ": ":UTC"}
    without = f"{file.name} exports no function {name}, which the handler names"
    trial = ImportTrial(module, target, "Node", without, cause=0)
    return trial.run(command, folder, {**variables, "LAMBDA_TASK_ROOT": str(folder)})
