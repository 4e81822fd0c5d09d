"""Stops an embedded stack."""

import shutil
from pathlib import Path

from penstock.embedded.emulator import NAME
from penstock.embedded.git_service import stop_git_server
from penstock.embedded.home import find_home
from penstock.embedded.lock import only_one
from penstock.embedded.processes import ProcessBook
from penstock.embedded.report import Report
from penstock.embedded.runners import stop_runners

_PATIENCE = 30.0


def down(home: Path | None = None, report: Report | None = None, *, forget: bool = False) -> None:
    """Stop the stack of this home, runners first. Its state is kept unless `forget` is set.

    Stops only processes that `up` started; does nothing when none runs.
    """
    report = report or Report()
    place = find_home(home)
    with only_one(place, lambda: report.say("Another penstock is at work here; waiting for it.")):
        book = ProcessBook(place.processes_file, place.logs)
        if book.alive():
            with report.step("Stopped"):
                stop_git_server(book)
                stop_runners(book)
                book.stop([NAME], _PATIENCE)
        else:
            report.say("No stack runs.")
        place.stack_file.unlink(missing_ok=True)
        place.work.remove()
        if forget:
            for folder in (place.emulator, place.logs, place.repositories):
                shutil.rmtree(folder, ignore_errors=True)
            place.key_file.unlink(missing_ok=True)
            report.say("Its state is forgotten.")
