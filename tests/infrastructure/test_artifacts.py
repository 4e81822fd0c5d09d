"""The content of the zips: every handler starts from its own zip and boto3 alone."""

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from penstock.project import EMULATOR_PYTHON
from tests.infrastructure.conftest import Packaged

IMPORTER = """
import importlib, sys
sys.path[:0] = [sys.argv[1]]
for name in sys.argv[3:]:
    module, function = name.rsplit(".", 1)
    assert callable(getattr(importlib.import_module(module), function)), name
# Third-party code outside of the zip may only come from the Lambda runtime.
runtime = {"boto3", "botocore", "jmespath", "dateutil", "s3transfer", "six", "urllib3"}
outside = {
    name.split(".")[0]
    for name, module in list(sys.modules.items())
    if "site-packages" in (getattr(module, "__file__", None) or "")
    and not (module.__file__ or "").startswith(sys.argv[1])
}
unknown = outside - runtime - {"_distutils_hack"}
assert not unknown, f"not in the zip: {sorted(unknown)}"
"""


def handlers_of(packaged: Packaged, stack: str) -> list[str]:
    resources = packaged.template(stack)["Resources"].values()
    return [
        resource["Properties"]["Handler"]
        for resource in resources
        if resource["Type"] == "AWS::Lambda::Function"
    ]


STACKS = ["runner", "build", "test-runner", "deployer", "release", "monitor", "answers"]


@pytest.mark.parametrize("stack", STACKS)
def test_every_handler_can_be_imported_from_its_unpacked_zip(
    packaged: Packaged, stack: str, tmp_path: Path
) -> None:
    with zipfile.ZipFile(packaged.artifacts[stack].path) as archive:
        archive.extractall(tmp_path)
    handlers = handlers_of(packaged, stack)
    assert handlers

    done = subprocess.run(
        [str(EMULATOR_PYTHON), "-I", "-c", IMPORTER, str(tmp_path), "--", *handlers],
        env={"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("stack", STACKS)
def test_a_zip_holds_code_and_nothing_else(packaged: Packaged, stack: str) -> None:
    with zipfile.ZipFile(packaged.artifacts[stack].path) as archive:
        names = archive.namelist()

    assert not [name for name in names if name.endswith(".pth")]
    assert not [name for name in names if name.startswith(("boto3/", "botocore/", "tests/"))]
    assert "penstock_shared/contracts/event.py" in names
    own = {name.split("/")[0] for name in names}
    services = {package for package in own if package.endswith("_service")}
    assert services <= {f"{stack.replace('-', '_')}_service"}, "another service's code"
