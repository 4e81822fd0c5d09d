"""Imports a function's handler from its zip in a clean interpreter of its own version.

It finds the zip, the standard library, and the packages that Lambda's runtime brings along:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html#python-sdk-included
"""

import json
import os
import sysconfig
from pathlib import Path

from penstock_runner.presets.import_trial import ImportTrial, unpacked
from penstock_runner.presets.target import FunctionTarget

_PROVIDED = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
_TRIAL = """
import importlib, importlib.machinery, json, sys, traceback

folder, module, name, provided, packages = json.loads(sys.argv[1])

class Provided:
    @staticmethod
    def find_spec(wanted, path=None, target=None):
        if path is None and wanted in provided:
            return importlib.machinery.PathFinder.find_spec(wanted, packages)

sys.dont_write_bytecode = True
sys.path.insert(0, folder)
sys.meta_path.append(Provided)
try:
    found = importlib.import_module(module)
except (ImportError, SyntaxError):
    traceback.print_exc()
    sys.exit(2)
except BaseException:
    traceback.print_exc()
    sys.exit(3)
sys.exit(0 if callable(getattr(found, name, None)) else 4)
"""


def try_handler(bundle: Path, handler: str, target: FunctionTarget, *, native: bool) -> str:
    """What the trial found out, in words. Raises PresetError if the handler cannot be imported.

    An error that the code itself raises is no reason to refuse it: at this time the function has
    none of its variables and resources. `native` says whether native code is in the zip.
    """
    if target.python is None:
        return f"not imported: no Python {target.version} on this machine"
    if native and not target.runs_natively:
        return f"not imported: its native code is for {target.architecture}"
    module, _, name = handler.replace("/", ".").rpartition(".")
    with unpacked(bundle) as folder:
        return _tried(folder, module, name, target)


def _tried(folder: Path, module: str, name: str, target: FunctionTarget) -> str:
    packages = [sysconfig.get_path("purelib")]
    question = json.dumps([str(folder), module, name, _PROVIDED, packages])
    command = [str(target.python), "-I", "-S", "-c", _TRIAL, question]
    without = f"{module} has no function {name}, which the handler names"
    trial = ImportTrial(module, target, "Python", without, cause=-1)
    return trial.run(command, folder, _variables(str(folder), f"{module}.{name}", target))


def _variables(folder: str, handler: str, target: FunctionTarget) -> dict[str, str]:
    """Those that Lambda sets which code reads while it is imported.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    return {
        "PATH": os.defpath,
        "HOME": folder,
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "_HANDLER": handler,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{target.version}",
        "AWS_LAMBDA_FUNCTION_NAME": "trial",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_EC2_METADATA_DISABLED": "true",
        "LAMBDA_TASK_ROOT": folder,
    }
