"""The folder in which an embedded stack keeps its state."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from penstock.embedded.errors import EmbeddedError
from penstock.embedded.files import close_to_others, is_private, replace_text
from penstock.embedded.work import WorkFolder, work_folder_of
from penstock.project import PROJECT_ROOT


@dataclass(frozen=True)
class Home:
    """The state folder of one embedded stack. Several stacks can run, each with its own."""

    folder: Path

    @property
    def stack_file(self) -> Path:
        """Describes the running stack; absent while none runs."""
        return self.folder / "stack.json"

    @property
    def processes_file(self) -> Path:
        return self.folder / "processes.json"

    @property
    def port_file(self) -> Path:
        return self.folder / "port"

    @property
    def key_file(self) -> Path:
        """Holds the secret that signs every call to the stack's AWS."""
        return self.folder / "key"

    @property
    def git_port_file(self) -> Path:
        return self.folder / "git-port"

    def git_login(self) -> str:
        """User and key of the server to push to, `user:key`. The key is made once."""
        file = self.folder / "git-key"
        if not file.is_file():
            replace_text(file, secrets.token_urlsafe(18))
        return f"penstock:{file.read_text()}"

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
        """The folder that jobs run in; not below this one, which may lie in a checkout."""
        return work_folder_of(self.folder)

    def has_state(self) -> bool:
        """Whether an emulator has saved its state here."""
        return self._current.exists()

    def last_save(self) -> float | None:
        """When the emulator last saved its state, in seconds since the epoch, or None.

        The name of a snapshot's folder is its time in nanoseconds.
        """
        return int(self._current.resolve().name) / 1e9 if self.has_state() else None

    @property
    def _current(self) -> Path:
        return self.emulator / "snapshots" / "current"

    def make(self) -> None:
        """Make the folders, for this user only.

        A home of an earlier version loses the rights of others. Raises EmbeddedError where the
        home belongs to another user.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.folder.stat().st_uid != os.getuid():
            raise EmbeddedError(
                f"{self.folder} belongs to another user, who could read the keys of a stack in it. "
                "Name a folder of your own with --home or PENSTOCK_HOME."
            )
        if not is_private(self.folder):
            close_to_others(self.folder)
        for folder in (self.emulator, self.logs, self.repositories):
            folder.mkdir(mode=0o700, exist_ok=True)


def find_home(folder: Path | None = None) -> Home:
    """The given folder, or PENSTOCK_HOME, or .penstock in the project."""
    named = os.environ.get("PENSTOCK_HOME")
    return Home((folder or (Path(named) if named else PROJECT_ROOT / ".penstock")).resolve())
