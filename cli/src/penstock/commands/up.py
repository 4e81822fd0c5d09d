"""`penstock up`: start the whole product on this machine."""

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from penstock import embedded
from penstock.commands.options import HomeOption
from penstock.embedded.repository import is_name
from penstock.embedded.up import RUNNERS, SLOTS
from penstock.remote import name_of_here
from penstock.terminal import Terminal


def up(
    home: HomeOption = None,
    runners: Annotated[
        int,
        typer.Option(
            min=0, help="How many runners of trust release to run; of each lower trust runs one."
        ),
    ] = RUNNERS,
    slots: Annotated[int, typer.Option(min=1, help="Jobs that each runs at once.")] = SLOTS,
    tools: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            file_okay=False,
            resolve_path=True,
            help="A folder of programs that jobs find before the machine's own, such as a "
            "virtual environment's bin. May be given several times.",
        ),
    ] = None,
) -> None:
    """Start the embedded stack, or mend the one that runs."""
    signal.signal(signal.SIGTERM, _interrupt)
    report = embedded.ConsoleReport(Terminal())
    options = embedded.StackOptions(runners, slots, tuple(tools or ()))
    stack = embedded.up(home, options, report)
    report.say(f"  page     {stack.page_url}")
    report.say("Push any repository of yours that has a penstock.yml:")
    report.say(f"  git remote add penstock {_address(stack.git_url)}")
    report.say("  git push penstock HEAD:main")
    report.say("Stop it with `penstock down`.")


def _address(git_url: str) -> str:
    """Where to push the repository of the current folder, or of the one that the shell is in."""
    name = name_of_here()
    return f"{git_url}/{name}.git" if name and is_name(name) else f'"{git_url}/${{PWD##*/}}.git"'


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
