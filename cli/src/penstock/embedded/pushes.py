"""Finds pushes that a killed emulator may have lost, and delivers them again.

A push that was answered just before a kill is in git, but in no saved state. The reflogs of the
bare repositories hold what was pushed and when, so the code of the hook delivers it again. A flow
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
"""Seconds before the last save since which pushes are delivered again: a kill loses far less."""
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


def redeliver_pushes_since(home: Home, moment: float, report: Report) -> None:
    """Deliver every push since that moment again, oldest first; report which ones start flows."""
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
    # The sort is stable: pushes within one second stay in the order in which git wrote them.
    return sorted(recent, key=lambda push: push.moment)


def _pushes_in(log: Path, name: str, folder: Path) -> Iterator[Push]:
    ref = f"refs/heads/{log.relative_to(folder / _HEADS).as_posix()}"
    lines = log.read_bytes().splitlines()
    head = _parts(lines[-1])[1] if lines else ""
    for number, line in enumerate(lines, start=1):
        before, after, moment = _parts(line)
        # GIT_COMMITTER_DATE changes the date in the line, but not that of the file.
        is_last = number == len(lines)
        written_at = int(log.stat().st_mtime) if is_last else moment
        # A branch that was put back would be moved again by what moved it before.
        if before == head:
            continue
        yield Push(written_at, folder, name, ref, before, after)


def _parts(line: bytes) -> tuple[str, str, int]:
    """Format: git's files backend, `<old> <new> <name> <mail> <seconds> <zone>TAB<message>`."""
    head = line.partition(b"\t")[0].decode(errors="replace")
    before, after, *_, moment, _zone = head.split(" ")
    return before, after, int(moment)
