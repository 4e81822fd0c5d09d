"""The packaged services: how big each zip is, and what importing each handler costs."""

import json
import statistics
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from bench.errors import BenchError
from penstock.embedded.stack import STAGE
from penstock.packaging import (
    PackagedStack,
    aws_target,
    local_target,
    package_services,
    package_stacks,
)
from penstock.project import EMULATOR_PYTHON, stack_folders

RUNS = 7
MEASURE = """
import importlib, sys, time
sys.path.insert(0, sys.argv[1])
begun = time.process_time()
importlib.import_module(sys.argv[2])
print(time.process_time() - begun)
"""


def zip_sizes() -> dict[str, int]:
    """Return the bytes of each service's zip for AWS. Raises PackagingError."""
    return {artifact.service: artifact.size for artifact in package_services(aws_target())}


def import_cpu() -> Iterator[tuple[str, float]]:
    """Yield each handler's module and the CPU time, in milliseconds, of importing it.

    Each reading is a new process that imports from the unpacked zip and from the emulator's
    environment, which has boto3. The result is the median of several readings. Raises
    PackagingError, and BenchError when a handler cannot be imported.
    """
    target, folders = local_target(), stack_folders()
    for stack in package_stacks(folders, package_services(target, folders), target, STAGE):
        if stack.artifact:
            yield from _imports(stack, stack.artifact)


def _imports(stack: PackagedStack, artifact: Path) -> Iterator[tuple[str, float]]:
    with tempfile.TemporaryDirectory(prefix="penstock-bench-zip-") as folder:
        with zipfile.ZipFile(artifact) as archive:
            archive.extractall(folder)
        for module in _handlers(stack):
            yield module, statistics.median(_import(folder, module) for _ in range(RUNS))


def _handlers(stack: PackagedStack) -> list[str]:
    """Return the modules that the stack's own template names as handlers."""
    resources = json.loads(stack.template.read_text())["Resources"].values()
    functions = (one["Properties"] for one in resources if one["Type"] == "AWS::Lambda::Function")
    return sorted({function["Handler"].rpartition(".")[0] for function in functions})


def _import(folder: str, module: str) -> float:
    # -B writes no bytecode, as on Lambda, where the folder of code is read-only.
    command = [str(EMULATOR_PYTHON), "-I", "-B", "-c", MEASURE, folder, module]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={})
    if done.returncode != 0:
        raise BenchError(f"{module} cannot be imported from its zip:\n{done.stderr}")
    return float(done.stdout) * 1000
