"""`penstock doctor`: check that everything is there and works."""

from dataclasses import asdict
from itertools import chain

import typer
from rich.text import Text

from penstock.checks import (
    Check,
    Health,
    checks_of_a_stage,
    checks_of_the_stack,
    checks_of_this_machine,
)
from penstock.commands.options import HomeOption, JsonOption, ProfileOption, StageOption
from penstock.commands.output import console, print_json
from penstock.errors import ExitCode

_MARKS = {Health.OK: ("✓", "green"), Health.PROBLEM: ("✗", "red"), Health.SKIPPED: ("–", "dim")}


def doctor(
    *,
    as_json: JsonOption = False,
    stage: StageOption = None,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Look for what is missing or broken, and say how to cure it; exit 1 if there is something."""
    found: list[Check] = []
    on_aws = stage or profile
    here = chain(checks_of_this_machine(), checks_of_the_stack(home))
    for check in checks_of_a_stage(stage, profile) if on_aws else here:
        found.append(check)
        if not as_json:
            _print(check)
    if as_json:
        print_json([asdict(check) for check in found])
    if any(check.health is Health.PROBLEM for check in found):
        raise typer.Exit(ExitCode.FAILURE)


def _print(check: Check) -> None:
    out = console()
    out.print(Text.assemble(_MARKS[check.health], f" {check.name:<13} {check.found}"))
    if check.cure:
        out.print(f"{'':<15} → {check.cure}")
