"""Preset `python-lambda`: the zip of a Lambda function in Python."""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from shlex import quote

from penstock_shared.contracts.drivers.base import DeployRecipe
from penstock_shared.contracts.drivers.function import LambdaDeploy

_MODULE = "penstock_runner.presets.python_lambda"


@dataclass(frozen=True)
class PythonLambda:
    """Runs the runner's module of that name with the runner's own Python."""

    artifact: str = ".penstock-artifact.zip"

    def command(self, path: str, includes: Iterable[str]) -> str:
        """The command line of the module."""
        given = [f"--include {quote(posixpath.relpath(include, path))}" for include in includes]
        run = f'"$PENSTOCK_PYTHON" -I -m {_MODULE} --source .'
        return " ".join([run, *given, f"--output {self.artifact}"])

    def refusal(self, deploy: DeployRecipe) -> tuple[str, str] | None:
        """Refuse functions in another language."""
        if isinstance(deploy, LambdaDeploy) and not deploy.runtime.startswith("python"):
            return "runtime", f"the python-lambda preset makes no function for '{deploy.runtime}'"
        return None
