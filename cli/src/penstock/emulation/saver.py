"""Saves the state of the emulator while it changes."""

import asyncio
import copy
import gc
import os
import resource
import signal
import sys
import threading
import time
import traceback
from dataclasses import asdict
from typing import Any

from penstock.emulation.items import ItemJournal, Key
from penstock.emulation.kinds import Result
from penstock.emulation.snapshots import Changes, Snapshots
from penstock.emulation.state import (
    ITEMS,
    saved_extent,
    states_of_all_services,
    store_function_code,
)

SAVE_INTERVAL = 0.75
"""Seconds from save to save. With the duration of a save, a kill -9 loses at most a second."""
SAVE_PAUSE = 0.1
"""The least number of seconds between two saves, for machines on which one takes long."""
SAVE_PATIENCE = 30
"""Seconds after which a hanging save is killed; the next one starts from the beginning."""


class Saver:
    """Saves the state about once a second while it changes, from a forked child.

    The child has the memory of one instant, so the states of the services are consistent, while
    the emulator continues: a fork takes milliseconds, a copy of all states ten times as long.
    Only changed items of tables are written, so a save takes as long in an old stack as in a new.
    """

    def __init__(self, snapshots: Snapshots, changes: Changes, journal: ItemJournal) -> None:
        self._snapshots = snapshots
        self._changes = changes
        self._journal = journal
        self._saving = threading.Lock()
        self._started = time.monotonic()

    async def run(self) -> None:
        while True:
            began = time.monotonic()
            if self._changes.since(self._started):
                await asyncio.to_thread(self._wait_for, *self.start())
            passed = time.monotonic() - began
            await asyncio.sleep(max(SAVE_PAUSE, SAVE_INTERVAL - passed))

    def save_now(self) -> None:
        self._wait_for(*self.start())

    def start(self) -> tuple[set[Key], int]:
        """Start a save once the previous one has ended. Returns the keys of the items that it
        writes, and the process id of the child.
        """
        self._saving.acquire()
        self._started = time.monotonic()
        store_function_code()
        taken_at = time.time_ns()
        taken, pid = self._journal.taken(os.fork)
        if pid == 0:
            self._save_and_exit(taken, taken_at)
        return taken, pid

    def _save_and_exit(self, taken: set[Key], taken_at: int) -> None:
        code = 1
        try:
            _become_a_saving_child()
            extent = self._journal.write(taken, taken_at)
            states = {**states_of_all_services(), ITEMS: lambda: asdict(extent)}
            self._snapshots.save(states, taken_at)
            code = 0
        except BaseException:  # noqa: BLE001  # a forked child must end here in any case
            traceback.print_exc()
        finally:
            os._exit(code)

    def _wait_for(self, taken: set[Key], pid: int) -> None:
        _, status = os.waitpid(pid, 0)
        if status:
            self._journal.give_back(taken)
            self._changes.note()
            print(f"saving the state failed ({status}); trying again", file=sys.stderr, flush=True)
        else:
            self._journal.extent = saved_extent(self._snapshots)
            self._journal.forget_others(self._journal.extent)
        self._saving.release()


def _become_a_saving_child() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.alarm(SAVE_PATIENCE)
    # A garbage collection writes to every object, and so would copy all memory of the parent.
    gc.disable()
    # A child that outlives a killed emulator must not hold its port and the functions' pipes.
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    # Nothing else writes to this memory, so get_state needs no copies.
    copy.__dict__["deepcopy"] = _same


def _same(value: Result, _memo: Any = None, _nil: Any = None) -> Result:
    return value
