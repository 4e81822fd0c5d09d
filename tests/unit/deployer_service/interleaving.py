"""Handles messages at the same time, switching at every access to the store, by the dice.

Each message is handled in a thread of its own, but only one thread runs at any time: before each
read, write and publication it hands over to the dice, which may let another go on, deliver a
message twice, or kill a handling in which case its message comes again. A seed gives the same
course of events each time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from threading import Semaphore, Thread, current_thread
from typing import Any

from penstock_shared.contracts.event import Event, EventData
from penstock_shared.persistence.outbox import Stored
from penstock_shared.testing.fakes import InMemoryRecordStore, RecordingPublisher

TWICE, KILLED = 0.1, 0.02
AT_ONCE = 4


class KilledError(BaseException):
    """The process dies here."""


@dataclass
class Handling:
    """One message on its way through a handler."""

    event: Event[EventData]
    handle: Callable[[Event[EventData]], object]
    go: Semaphore = field(default_factory=lambda: Semaphore(0))
    back: Semaphore = field(default_factory=lambda: Semaphore(0))
    killed: bool = False
    over: bool = False
    error: Exception | None = None

    def __post_init__(self) -> None:
        self.thread = Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self.go.acquire()
        try:
            self.handle(self.event)
        except KilledError:
            pass
        except Exception as error:  # noqa: BLE001  # raised again in the thread of the test
            self.error = error
        self.over = True
        self.back.release()

    def step(self) -> None:
        """Go on to the next access."""
        self.go.release()
        self.back.acquire()
        if self.over:
            self.thread.join()

    def pause(self) -> None:
        """Called in the handling's own thread before each access."""
        self.back.release()
        self.go.acquire()
        if self.killed:
            raise KilledError


@dataclass
class Dice:
    """Decides who goes on. `inbox` holds the messages that wait, in no order."""

    seed: int
    handle: Callable[[Event[EventData]], object]
    inbox: list[Event[EventData]] = field(default_factory=list)
    active: list[Handling] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)  # not for secrets

    def pause(self) -> None:
        """Hand over, when called from within a handling."""
        for handling in self.active:
            if handling.thread is current_thread():
                handling.pause()

    def roll(self) -> bool:
        """One thing happens; False when there is nothing left that could."""
        if self.inbox and len(self.active) < AT_ONCE and self.random.random() < 0.5:
            self._start()
        elif self.active:
            self._step(self.random.choice(self.active))
        return bool(self.inbox or self.active)

    def _start(self) -> None:
        event = self.inbox.pop(self.random.randrange(len(self.inbox)))
        if self.random.random() < TWICE:
            self.inbox.append(event)
        self.active.append(Handling(event, self.handle))

    def _step(self, handling: Handling) -> None:
        handling.killed = self.random.random() < KILLED
        handling.step()
        if handling.error:
            raise handling.error
        if handling.over:
            self.active.remove(handling)
            if handling.killed:
                self.inbox.append(handling.event)


@dataclass
class PausingStore(InMemoryRecordStore[Any]):
    """Hands over before each access."""

    pause: Callable[[], None] = lambda: None

    def get(self, key: str) -> Stored[Any] | None:
        self.pause()
        return super().get(key)

    def put(self, key: str, stored: Stored[Any]) -> None:
        self.pause()
        super().put(key, stored)

    def clear(self, key: str, stored: Stored[Any]) -> None:
        self.pause()
        super().clear(key, stored)

    def due(self, now: datetime) -> Sequence[str]:
        self.pause()
        return super().due(now)


@dataclass
class PausingPublisher(RecordingPublisher):
    """Hands over before each publication, and puts what is said where `sends` says."""

    pause: Callable[[], None] = lambda: None
    sends: Callable[[Event[EventData]], None] = lambda _event: None

    def publish(self, events: Sequence[Event[EventData]]) -> None:
        self.pause()
        before = len(self.said)
        super().publish(events)
        for event in self.said[before:]:
            self.sends(event)
