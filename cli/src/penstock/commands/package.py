"""`penstock package`: write artifacts and templates to .build/<target>."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from penstock.packaging import Target, aws_target, local_target, package_services, package_stacks
from penstock.project import PROJECT_ROOT, stack_folders
from penstock.terminal import Terminal

console = Terminal()


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
    artifacts = package_services(chosen, folders)
    for artifact in artifacts:
        _say(artifact.path, f"{artifact.size / 1e6:.1f} MB", fresh=artifact.fresh)
    for stack in package_stacks(folders, artifacts, chosen, stage):
        _say(stack.template, "", fresh=stack.fresh)
    _say_what_is_missing(chosen)


def _say(path: Path, size: str, *, fresh: bool) -> None:
    state = "made" if fresh else "unchanged"
    console.print(f"  {state:<9}  {path.relative_to(PROJECT_ROOT)}  {size}", soft_wrap=True)


def _say_what_is_missing(target: Target) -> None:
    if target.compiler is None:
        console.print(
            "  No Python 3.13 was found here, so the zips carry no bytecode and start slower: "
            "set PENSTOCK_TARGET_PYTHON to one.",
            soft_wrap=True,
        )
