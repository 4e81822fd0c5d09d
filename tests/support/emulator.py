"""An emulator for one test, which may stop and kill it."""

import os
import signal
import time
from dataclasses import dataclass
from typing import Any

from penstock.embedded.emulator import NAME, ensure_emulator
from penstock.embedded.home import Home
from penstock.embedded.processes import ProcessBook
from penstock.embedded.stack import ACCOUNT_ID, Endpoint
from penstock.embedded.waiting import wait_until


def wait_for_a_save(home: Home) -> None:
    """Wait until the current state is saved: the name of a snapshot is the time of its state."""
    current = home.emulator / "snapshots" / "current"
    now = time.time_ns()
    assert wait_until(lambda: current.exists() and int(current.resolve().name) > now, 20)


@dataclass
class OwnEmulator:
    """An emulator. `start` can be called again, and then finds the saved state."""

    home: Home
    endpoint: Endpoint | None = None

    @property
    def book(self) -> ProcessBook:
        return ProcessBook(self.home.processes_file, self.home.logs)

    def start(self) -> "OwnEmulator":
        self.home.make()
        self.endpoint, _ = ensure_emulator(self.home, self.book)
        return self

    @property
    def address(self) -> str:
        return self._endpoint.url

    @property
    def _endpoint(self) -> Endpoint:
        assert self.endpoint, "start it first"
        return self.endpoint

    @property
    def variables(self) -> dict[str, str]:
        """The environment of whoever uses this emulator as its AWS."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": ACCOUNT_ID,
            "AWS_SECRET_ACCESS_KEY": self._endpoint.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def stop(self) -> None:
        self.book.stop([NAME], patience=20)

    def kill(self) -> None:
        process = self.book.alive()[NAME]
        os.kill(process.pid, signal.SIGKILL)
        assert wait_until(lambda: not process.is_alive(), 10)

    def client(self, service: str) -> Any:
        return self._endpoint.client(service)
