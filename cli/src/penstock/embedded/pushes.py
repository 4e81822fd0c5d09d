"""Finds pushes that a killed emulator may have forgotten, and tells the stack of them again.

A push that was answered a moment before a kill is in git and in no saved state. The reflogs of the
bare repositories know what was pushed and when, so the hook's own code tells of it again; a flow
that exists is not started twice.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from penstock.embedded import hook
from penstock.embedded.home import Home
from penstock.embedded.report import Report
from penstock.embedded.repository import local_repositories

MARGIN = 60.0
"""Seconds before the last save from which on pushes are told again: far more than a kill costs."""
_PATIENCE = 15.0
_HEADS = Path("logs") / "refs" / "heads"


@dataclass(frozen=True)
class Push:
    """What one push did to one branch; `moment` is in seconds since the epoch."""

    moment: int
    folder: Path
    repository: str
    ref: str
    before: str
    after: str


def tell_of_pushes_since(home: Home, moment: float, report: Report) -> None:
    """Tell the stack of every push since that moment, oldest first; say which start flows."""
    deadline = time.monotonic() + _PATIENCE
    for push in pushes_since(home, moment):
        try:
            payload = hook.payload_of(
                push.folder, push.repository, push.before, push.after, push.ref
            )
            answer, _ = hook.deliver(home.stack_file, payload, deadline)
        except (hook.NotDeliveredError, OSError, ValueError) as error:
            report.say(f"{push.ref} of {push.repository} started no flow: {error}")
        else:
            if answer.get("status") == "started":
                report.say(f"Found a push of {push.ref} again: flow {answer['flow_id']}")


def pushes_since(home: Home, moment: float) -> list[Push]:
    """The pushes to branches of the home's repositories since that moment, oldest first."""
    found = [
        push
        for name, folder in local_repositories(home).items()
        for log in (folder / _HEADS).rglob("*")
        if log.is_file() and log.stat().st_mtime >= moment
        for push in _pushes_in(log, name, folder)
    ]
    recent = [push for push in found if push.moment >= moment]
    # Pushes of one second stay in the order in which git wrote them.
    return sorted(recent, key=lambda push: push.moment)


def _pushes_in(log: Path, name: str, folder: Path) -> Iterator[Push]:
    ref = f"refs/heads/{log.relative_to(folder / _HEADS).as_posix()}"
    lines = log.read_bytes().splitlines()
    for number, line in enumerate(lines, start=1):
        before, after, moment = _parts(line)
        # A pusher who sets GIT_COMMITTER_DATE dates the line; nobody dates the file.
        is_last = number == len(lines)
        written_at = int(log.stat().st_mtime) if is_last else moment
        yield Push(written_at, folder, name, ref, before, after)


def _parts(line: bytes) -> tuple[str, str, int]:
    """Format: git's files backend, `<old> <new> <name> <mail> <seconds> <zone>TAB<message>`."""
    head = line.partition(b"\t")[0].decode(errors="replace")
    before, after, *_, moment, _zone = head.split(" ")
    return before, after, int(moment)
