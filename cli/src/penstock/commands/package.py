"""`penstock package`: leave what is deployed in .build/<target>."""

from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from penstock.packaging import (
    Artifact,
    Target,
    aws_target,
    local_target,
    package_services,
    package_templates,
)
from penstock.project import PROJECT_ROOT, stack_folders

console = Console()


class TargetName(StrEnum):
    AWS = "aws"
    LOCAL = "local"


def package(
    target: Annotated[TargetName, typer.Option(help="What the artifacts run on.")] = TargetName.AWS,
    stage: Annotated[str, typer.Option(help="The stage that the templates are for.")] = "dev",
) -> None:
    """Make the zip of every service and the CloudFormation template of every stack."""
    chosen = aws_target() if target is TargetName.AWS else local_target()
    folders = stack_folders()
    for artifact in package_services(chosen, folders):
        console.print(_line(artifact))
    for output in package_templates(folders, chosen, stage):
        console.print(f"  template  {output.relative_to(PROJECT_ROOT)}/")
    _say_what_is_missing(chosen)


def _line(artifact: Artifact) -> str:
    state = "made" if artifact.fresh else "unchanged"
    where = artifact.path.relative_to(PROJECT_ROOT)
    return f"  {state:<9} {where}  {artifact.size / 1e6:.1f} MB"


def _say_what_is_missing(target: Target) -> None:
    if target.compiler is None:
        console.print(
            "  No Python 3.13 was found here, so the zips carry no bytecode and start slower. "
            "Set PENSTOCK_TARGET_PYTHON to one."
        )
