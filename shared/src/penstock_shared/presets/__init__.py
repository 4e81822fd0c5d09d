"""Registers the build presets: one line each."""

from penstock_shared.presets.base import BuildRequest, Preset
from penstock_shared.presets.node_lambda import NodeLambda
from penstock_shared.presets.own_command import NoBuild, OwnCommand
from penstock_shared.presets.packages import Package
from penstock_shared.presets.python_lambda import PythonLambda
from penstock_shared.presets.static_site import StaticSite

__all__ = ["COMMAND", "PRESETS", "BuildRequest", "Preset"]

COMMAND = "command"
"""The preset of a section that names none."""

PRESETS: dict[str, Preset] = {
    "python-lambda": PythonLambda("python_lambda", ".penstock-artifact.zip", "python"),
    "node-lambda": NodeLambda("node_lambda", ".penstock-artifact.zip", "nodejs"),
    "python-package": Package("python_package", ".penstock-artifact.zip"),
    "npm-package": Package("npm_package", ".penstock-artifact.tgz"),
    "static-site": StaticSite("static_site", ".penstock-artifact.zip"),
    COMMAND: OwnCommand(),
    "none": NoBuild(),
}
