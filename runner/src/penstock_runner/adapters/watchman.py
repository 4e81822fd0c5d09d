"""Kills the jobs of a dead runner, and those whose lease the runner did not extend in time.

It is a separate process, so that it works while the runner is frozen. It is run by its path without
site-packages, and imports only modules that Python loads anyway, so it starts in milliseconds.

Its standard input has one order per line. `+ GROUP MOMENT` kills the process group at that time of
the monotonic clock, unless a later order changes it; `- GROUP` forgets the group. At the end of the
input all known groups are killed.
"""

import os
import select
import signal
import time

_INPUT = 0
_LONGEST_LINE = 1 << 16


def main() -> None:
    """Serve until the runner closes the input, or dies."""
    groups: dict[int, float] = {}
    rest = b""
    while True:
        select.select([_INPUT], [], [], _patience(groups))
        if select.select([_INPUT], [], [], 0)[0]:
            received = os.read(_INPUT, _LONGEST_LINE)
            if not received:
                break
            *orders, rest = (rest + received).split(b"\n")
            for order in orders:
                _apply(order.decode(), groups)
        _kill_due(groups)
    for group in groups:
        _kill(group)


def _apply(order: str, groups: dict[int, float]) -> None:
    sign, group, *moment = order.split()
    if sign == "+":
        groups[int(group)] = float(moment[0])
    else:
        groups.pop(int(group), None)


def _patience(groups: dict[int, float]) -> float | None:
    """Seconds until the next group is due; None while none is."""
    due = min(groups.values(), default=float("inf"))
    return None if due == float("inf") else max(0.0, due - time.monotonic())


def _kill_due(groups: dict[int, float]) -> None:
    now = time.monotonic()
    for group in [group for group, moment in groups.items() if moment <= now]:
        _kill(group)
        del groups[group]


def _kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        return  # the group has ended


if __name__ == "__main__":
    main()
