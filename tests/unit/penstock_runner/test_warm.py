"""Sandboxes that wait for their jobs: whose they become, and what is left of them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from penstock_runner.adapters.guard import ProcessGuard
from penstock_runner.adapters.rooms import RoomMaker
from penstock_runner.domain.ports import Command, Site
from penstock_runner.errors import JobError
from penstock_runner.sandbox.bubblewrap import Bubblewrap, Waiting
from penstock_runner.sandbox.warm import WarmRooms

PATIENCE = 20.0


@dataclass
class FakeWaiting:
    """A sandbox around the folder `source`."""

    number: int
    sound: bool = True
    ended: bool = False

    @property
    def process(self) -> Any:
        return SimpleNamespace(pid=-self.number)

    @property
    def cell(self) -> Any:
        return SimpleNamespace(enter_network=lambda: None)

    def is_sound(self) -> bool:
        return self.sound and not self.ended

    def end(self) -> None:
        self.ended = True


@dataclass
class FakeSandbox:
    """Makes sandboxes out of nothing; none while `broken`."""

    made: list[FakeWaiting] = field(default_factory=list)
    cold: list[Command] = field(default_factory=list)
    broken: bool = False

    def prepare(self, _writable: object, _temporary: object) -> Waiting:
        if self.broken:
            raise JobError("no namespaces left")
        self.made.append(FakeWaiting(len(self.made) + 1))
        return cast("Waiting", self.made[-1])

    def assign(self, waiting: Any, command: Command) -> Any:
        if "\0" in command.script:
            raise JobError("embedded null byte")
        return waiting

    def start(self, command: Command) -> Any:
        self.cold.append(command)
        return "a new one"


@pytest.fixture
def sandbox() -> FakeSandbox:
    return FakeSandbox()


@contextmanager
def opened(folder: Path, sandbox: FakeSandbox) -> Iterator[WarmRooms]:
    rooms = WarmRooms(RoomMaker(folder), cast("Bubblewrap", sandbox), ProcessGuard(), size=2)
    rooms.open()
    rooms.tidy_up()
    yield rooms
    rooms.close()


def eventually(holds: Any) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.005)


def ready(rooms: WarmRooms) -> bool:
    return len(rooms._ready) == rooms.size


def command_in(room: Any, script: str = "true") -> Command:
    site = Site(room.source, room.source, room.home, room.temporary)
    return Command(script, room.source, {}, 1, site)


def test_a_command_gets_the_sandbox_around_its_room(tmp_path: Path, sandbox: FakeSandbox) -> None:
    with opened(tmp_path, sandbox) as rooms:
        eventually(lambda: ready(rooms))

        cell: object = rooms.start(command_in(rooms.take()))

        assert any(cell is waiting for waiting in sandbox.made)
        assert sandbox.cold == []


def test_a_runner_without_a_job_makes_no_sandbox(tmp_path: Path, sandbox: FakeSandbox) -> None:
    rooms = WarmRooms(RoomMaker(tmp_path), cast("Bubblewrap", sandbox), ProcessGuard(), size=2)

    rooms.open()
    rooms.close()

    assert sandbox.made == []


def test_who_comes_while_none_is_ready_gets_a_new_one(tmp_path: Path, sandbox: FakeSandbox) -> None:
    sandbox.broken = True
    with opened(tmp_path, sandbox) as rooms:
        room = rooms.take()
        command = command_in(room)

        rooms.start(command)

        assert all(folder.is_dir() for folder in room.folders)
        assert sandbox.cold == [command]


def test_a_used_room_is_removed_and_replaced(tmp_path: Path, sandbox: FakeSandbox) -> None:
    with opened(tmp_path, sandbox) as rooms:
        eventually(lambda: ready(rooms))
        room = rooms.take()
        rooms.start(command_in(room))

        rooms.give_back(room)
        rooms.tidy_up()

        eventually(lambda: ready(rooms) and not room.root.exists())
        assert len(sandbox.made) == 3
        assert not sandbox.made[1].ended, "that is the command's to end"


def test_a_room_whose_command_never_began_takes_its_sandbox_along(
    tmp_path: Path, sandbox: FakeSandbox
) -> None:
    with opened(tmp_path, sandbox) as rooms:
        eventually(lambda: ready(rooms))
        room = rooms.take()
        with pytest.raises(JobError):
            rooms.start(command_in(room, "\0"))

        rooms.give_back(room)
        rooms.tidy_up()

        eventually(lambda: not room.root.exists())
        assert [waiting.ended for waiting in sandbox.made].count(True) == 1


def test_a_sandbox_around_what_is_no_longer_there_is_not_given_away(
    tmp_path: Path, sandbox: FakeSandbox
) -> None:
    with opened(tmp_path, sandbox) as rooms:
        eventually(lambda: ready(rooms))
        for waiting in list(sandbox.made):
            waiting.sound = False

        rooms.start(command_in(rooms.take()))

        eventually(lambda: all(waiting.ended for waiting in sandbox.made if not waiting.sound))


def test_nothing_is_left_when_the_runner_ends(tmp_path: Path, sandbox: FakeSandbox) -> None:
    with opened(tmp_path, sandbox) as rooms:
        eventually(lambda: ready(rooms))
        rooms.give_back(rooms.take())

    assert list(tmp_path.iterdir()) == []
    assert all(waiting.ended for waiting in sandbox.made)
