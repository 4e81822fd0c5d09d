"""An emulator of a test's own, that it may stop and kill."""

import os
import signal
from dataclasses import dataclass
from typing import Any

from penstock.embedded.emulator import NAME, ensure_emulator
from penstock.embedded.home import Home
from penstock.embedded.processes import ProcessBook
from penstock.embedded.stack import client_of
from penstock.embedded.waiting import wait_until


@dataclass
class OwnEmulator:
    """Starts on first use of `start`; a later start finds the state that was left."""

    home: Home
    address: str = ""

    @property
    def book(self) -> ProcessBook:
        return ProcessBook(self.home.processes_file, self.home.logs)

    def start(self) -> "OwnEmulator":
        self.home.make()
        self.address, _ = ensure_emulator(self.home, self.book)
        return self

    def stop(self) -> None:
        self.book.stop([NAME], patience=20)

    def kill(self) -> None:
        process = self.book.alive()[NAME]
        os.kill(process.pid, signal.SIGKILL)
        assert wait_until(lambda: not process.is_alive(), 10)

    def client(self, service: str) -> Any:
        return client_of(self.address, service)
