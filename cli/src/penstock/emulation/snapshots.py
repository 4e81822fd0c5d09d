"""Snapshots of the emulator's whole state on disk, and when the next one is due."""

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock.emulation.kinds import Result

SETTLE = 3.0
"""Seconds for which saving continues after the last noted change: some changes, such as the last
step of a state machine, are not noted."""

_PORT_FILE = "port"


class Changes:
    """Records when something last changed, so that an idle emulator saves nothing."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def note(self) -> None:
        self._last = time.monotonic()

    def since(self, moment: float) -> bool:
        return self._last >= moment - SETTLE

    def after(
        self, function: Callable[..., Result], *, only_if_result: bool = False
    ) -> Callable[..., Result]:
        """Wrap a function so that each call notes a change."""

        def noting(*args: Any, **kwargs: Any) -> Result:
            result = function(*args, **kwargs)
            if result or not only_if_result:
                self.note()
            return result

        return noting


class Snapshots:
    """Snapshots of the whole state on disk; only the newest is kept.

    `encode` and `decode` convert values that JSON cannot express, as in the json module. `port` is
    the current port of the emulator: ministack identifies queues by addresses with their port, so
    addresses with the port of an earlier run are translated.
    """

    def __init__(
        self, folder: Path, port: str, encode: Callable[[Any], Any], decode: Callable[[Any], Any]
    ) -> None:
        self._folder = folder
        self._port = port
        self._encode = encode
        self._decode = decode
        self._current = folder / "current"
        folder.mkdir(parents=True, exist_ok=True)
        self._remove_all_but_current()

    def load(self, service: str) -> Any:
        """The service's state, or None."""
        try:
            text = (self._current / f"{service}.json").read_text()
            port = (self._current / _PORT_FILE).read_text()
        except FileNotFoundError:
            return None
        if port != self._port:
            text = re.sub(rf"//(localhost|127\.0\.0\.1):{port}\b", rf"//\1:{self._port}", text)
        return json.loads(text, object_hook=self._decode)

    def save(self, states: dict[str, Callable[[], Any]], taken_at: int) -> None:
        """Write every state into a new folder, then atomically make it the current one.

        The name of the folder is the time of the state in nanoseconds.
        """
        fresh = self._folder / str(taken_at)
        fresh.mkdir()
        for service, get_state in states.items():
            # dumps, not dump: only dumps uses the encoder written in C.
            text = json.dumps(get_state(), default=self._encode)
            (fresh / f"{service}.json").write_text(text)
        (fresh / _PORT_FILE).write_text(self._port)
        link = self._folder / f"{fresh.name}.link"
        link.symlink_to(fresh.name)
        link.replace(self._current)
        self._remove_all_but_current()

    def _remove_all_but_current(self) -> None:
        kept = {self._current, self._current.resolve()}
        for path in self._folder.iterdir():
            if path.is_symlink() and path not in kept:
                path.unlink()
            elif path not in kept:
                shutil.rmtree(path, ignore_errors=True)
