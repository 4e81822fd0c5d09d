"""Where an embedded stack keeps what it has."""

import os
from dataclasses import dataclass
from pathlib import Path

from penstock.embedded.work import WorkFolder, work_folder_of
from penstock.project import PROJECT_ROOT


@dataclass(frozen=True)
class Home:
    """The state folder of one embedded stack; several stacks run side by side, each in its own."""

    folder: Path

    @property
    def stack_file(self) -> Path:
        """What the stack is, while it runs."""
        return self.folder / "stack.json"

    @property
    def processes_file(self) -> Path:
        return self.folder / "processes.json"

    @property
    def port_file(self) -> Path:
        return self.folder / "port"

    @property
    def lock_file(self) -> Path:
        return self.folder / "lock"

    @property
    def emulator(self) -> Path:
        return self.folder / "emulator"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def repositories(self) -> Path:
        return self.folder / "git"

    @property
    def work(self) -> WorkFolder:
        """Where jobs run: outside of this folder, which may lie in somebody's checkout."""
        return work_folder_of(self.folder)

    def has_state(self) -> bool:
        """Whether an emulator has saved something here before."""
        return self._current.exists()

    def last_save(self) -> float | None:
        """When the emulator last saved its state, in seconds since the epoch, or None.

        A snapshot's folder is named for its moment, in nanoseconds.
        """
        return int(self._current.resolve().name) / 1e9 if self.has_state() else None

    @property
    def _current(self) -> Path:
        return self.emulator / "snapshots" / "current"

    def make(self) -> None:
        for folder in (self.emulator, self.logs, self.repositories):
            folder.mkdir(parents=True, exist_ok=True)


def find_home(folder: Path | None = None) -> Home:
    """The given folder, else the one that PENSTOCK_HOME names, else .penstock in the project."""
    named = os.environ.get("PENSTOCK_HOME")
    return Home((folder or (Path(named) if named else PROJECT_ROOT / ".penstock")).resolve())
