"""`penstock up`: start the whole product on this machine."""

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from penstock import embedded
from penstock.commands.options import HomeOption
from penstock.embedded.up import REPOSITORY, RUNNERS, SLOTS
from penstock.terminal import Terminal


def up(
    home: HomeOption = None,
    runners: Annotated[int, typer.Option(min=0, help="How many runners to run.")] = RUNNERS,
    slots: Annotated[int, typer.Option(min=1, help="Jobs that each runs at once.")] = SLOTS,
    repository: Annotated[
        str, typer.Option(help="The repository to push to: name or owner/name.")
    ] = REPOSITORY,
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
    options = embedded.StackOptions(runners, slots, repository, tuple(tools or ()))
    stack = embedded.up(home, options, report)
    report.say(f"  page     {stack.page_url}")
    report.say(f"  push to  {stack.git_url}")
    report.say(f"  webhook  {stack.webhook_url}")
    report.say("Push a repository of yours that has a penstock.yml:")
    report.say(f"  git remote add penstock {stack.git_url}")
    report.say("  git push penstock HEAD:main")
    if repository == REPOSITORY:
        report.say("One under its own name: penstock up --repository owner/name")
    report.say("Stop it with `penstock down`.")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
