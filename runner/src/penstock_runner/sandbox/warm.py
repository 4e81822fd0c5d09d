"""Sandboxes that are made before their jobs are known.

To start bubblewrap and to open the doors of a network takes longer than many a job's command. So a
thread keeps as many sandboxes as there are slots, each around an empty room, its shell waiting for
a script. A job takes such a room, and its command the sandbox around it. The thread also removes
what jobs leave. It works between jobs, so that no job waits for that. It begins after the first
job: a runner that has none, as those of lower trusts often do, holds no memory for sandboxes.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread

from penstock_runner.adapters.guard import ProcessGuard
from penstock_runner.adapters.paths import remove_tree
from penstock_runner.adapters.rooms import Room, RoomMaker
from penstock_runner.domain.ports import Command
from penstock_runner.errors import JobError
from penstock_runner.sandbox.bubblewrap import Bubblewrap, Waiting
from penstock_runner.sandbox.cell import Cell

_MOST_LEFT = 4
"""Rooms of ended jobs, for each slot, that may wait for their removal."""


@dataclass
class WarmRooms:
    """Rooms and the sandboxes around them; `size` of them wait for their jobs."""

    maker: RoomMaker
    sandbox: Bubblewrap
    guard: ProcessGuard
    size: int
    _ready: list[Room] = field(default_factory=list)
    _waiting: dict[Path, Waiting] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _used: SimpleQueue[Room] = field(default_factory=SimpleQueue)
    _calls: SimpleQueue[bool] = field(default_factory=SimpleQueue)
    _thread: Thread | None = None

    def open(self) -> None:
        """Be ready to make sandboxes, from the first `tidy_up` on."""
        # One thread for all: bubblewrap ends with the thread that has started it.
        self._thread = Thread(target=self._work, name="warm-rooms", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the sandboxes that wait, and make no more."""
        self._calls.put(False)
        if self._thread:
            self._thread.join()
        while room := self._next():
            self._end(room)

    def take(self) -> Room:
        """A room with a sandbox around it, or else an empty one."""
        while room := self._next():
            if self._waiting[room.source].is_sound():
                return room
            self.give_back(room)
            self.tidy_up()
        return self.maker.make()

    def take_bare(self) -> Room:
        """An empty room: the sandboxes that wait have no layers."""
        return self.maker.make()

    def give_back(self, room: Room) -> None:
        """Have this one removed, and the next one made, once `tidy_up` is called."""
        if self._used.qsize() < _MOST_LEFT * self.size:
            self._used.put(room)
        else:
            self._end(room)  # jobs leave more than one thread removes

    def tidy_up(self) -> None:
        """Make and remove what would have delayed a job: no slot's job waits for it now."""
        self._calls.put(True)

    def start(self, command: Command) -> Cell:
        """The sandbox around the command's room, or else a new one. Raises JobError."""
        key = command.site.source if command.site else command.folder
        waiting = self._waiting.get(key)
        if waiting is None:
            return self.sandbox.start(command)
        cell = self.sandbox.assign(waiting, command)
        del self._waiting[key]
        return cell

    def _next(self) -> Room | None:
        with self._lock:
            return self._ready.pop() if self._ready else None

    def _end(self, room: Room) -> None:
        if waiting := self._waiting.pop(room.source, None):
            waiting.end()
            self.guard.dismiss(waiting)
        remove_tree(room.root)

    def _work(self) -> None:
        while self._calls.get():
            self._fill()
            while self._calls.empty() and not self._used.empty():
                self._end(self._used.get())
        while not self._used.empty():
            self._end(self._used.get())

    def _fill(self) -> None:
        # A job whose sandbox could not be made in advance makes one itself, and says what is wrong.
        with suppress(JobError, OSError):
            while len(self._ready) < self.size:
                self._make()

    def _make(self) -> None:
        room = self.maker.make()
        try:
            waiting = self.guard.hire(lambda: self.sandbox.prepare(room.folders, room.temporary))
        except JobError:
            remove_tree(room.root)
            raise
        self._waiting[room.source] = waiting
        try:
            waiting.cell.enter_network()
        except JobError:
            self._end(room)
            raise
        with self._lock:
            self._ready.append(room)
