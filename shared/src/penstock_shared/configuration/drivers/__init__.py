"""Registers the drivers' sections of `penstock.yml`: one line each."""

from penstock_shared.configuration.drivers.command import CommandDeploySection
from penstock_shared.configuration.drivers.function import LambdaDeploySection

SECTIONS = {
    "lambda": LambdaDeploySection,
    "command": CommandDeploySection,
}
