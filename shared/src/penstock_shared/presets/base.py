"""The base of every build preset."""

import posixpath
from dataclasses import dataclass
from shlex import quote
from typing import ClassVar

from penstock_shared.contracts.drivers.base import DeployRecipe
from penstock_shared.contracts.drivers.function import LambdaDeploy


@dataclass(frozen=True)
class BuildRequest:
    """What a component's section asks of a preset.

    `path` is the component's folder, and `include` names folders of the repository; `artifact`,
    `folder` and `entry` are names in the component's folder. `deploy` is how it is deployed.
    """

    path: str = "."
    run: str = ""
    artifact: str = ""
    include: tuple[str, ...] = ()
    folder: str = ""
    entry: str = ""
    deploy: DeployRecipe | None = None

    def included(self) -> list[str]:
        """The options of a module that takes included folders."""
        return [f"--include {quote(posixpath.relpath(each, self.path))}" for each in self.include]


class Preset:
    """A way to build a component, which a `penstock.yml` chooses by name."""

    takes: ClassVar[frozenset[str]] = frozenset()
    """The fields of the section that mean something to it."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """Those of them that must be given."""

    def artifact(self, request: BuildRequest) -> str:
        """The file in the component's folder that the command leaves; empty if it leaves none."""
        raise NotImplementedError

    def command(self, request: BuildRequest) -> str:
        """What a runner executes in the component's folder; empty if there is nothing to do."""
        raise NotImplementedError

    def refusal(self, deploy: DeployRecipe) -> tuple[str, str] | None:  # most suit every driver
        """The field of the recipe that the artifact does not suit, and why; None if it suits."""
        return None


@dataclass(frozen=True)
class ModulePreset(Preset):
    """A preset whose command is the runner's module of that name, run with the runner's Python."""

    module: str
    file: str
    """The artifact."""

    def artifact(self, request: BuildRequest) -> str:
        """The same file for every component."""
        return self.file

    def command(self, request: BuildRequest) -> str:
        """The command line of the module. Without its own packages, Python imports nothing of the
        component's.
        """
        run = f'"$PENSTOCK_PYTHON" -I -m penstock_runner.presets.{self.module} --source .'
        return " ".join([run, *self.options(request), f"--output {self.file}"])

    def options(self, request: BuildRequest) -> list[str]:
        """What the module is told about the component."""
        raise NotImplementedError


@dataclass(frozen=True)
class FunctionPreset(ModulePreset):
    """A preset that makes the zip of a Lambda function in one language."""

    language: str
    """What its runtimes begin with."""

    def options(self, request: BuildRequest) -> list[str]:
        """What runs the function; a driver that does not say so gets Lambda's defaults."""
        deploy = request.deploy
        target = [f"--runtime {_RUNTIMES[self.language]}", f"--architecture {_ARCHITECTURE}"]
        if isinstance(deploy, LambdaDeploy):
            target = [f"--runtime {deploy.runtime}", f"--architecture {deploy.architecture}"]
            target.append(f"--handler {quote(deploy.handler)}")
        return [*request.included(), *target]

    def refusal(self, deploy: DeployRecipe) -> tuple[str, str] | None:
        """Refuse functions in another language."""
        if isinstance(deploy, LambdaDeploy) and not deploy.runtime.startswith(self.language):
            name = self.module.replace("_", "-")
            return "runtime", f"the {name} preset makes no function for '{deploy.runtime}'"
        return None


_RUNTIMES = {"python": "python3.13", "nodejs": "nodejs22.x"}
_ARCHITECTURE = "x86_64"
