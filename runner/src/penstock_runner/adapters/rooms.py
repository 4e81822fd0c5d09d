"""The empty folders that jobs begin in, and their removal."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from penstock_runner.adapters.paths import remove_tree


@dataclass(frozen=True)
class Room:
    """The folders of one job, all below `root`."""

    root: Path

    @classmethod
    def below(cls, folder: Path) -> Self:
        """A new one below `folder`, which is made if it is missing. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)  # tidy-up of temporary files may take it
        room = cls(Path(tempfile.mkdtemp(dir=folder, prefix="job-")))
        for each in room.folders:
            each.mkdir()
        return room

    @property
    def source(self) -> Path:
        """Where the source is unpacked."""
        return self.root / "source"

    @property
    def home(self) -> Path:
        """The job's HOME."""
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        """The job's TMPDIR."""
        return self.root / "tmp"

    @property
    def folders(self) -> tuple[Path, Path, Path]:
        """What the job may write."""
        return self.source, self.home, self.temporary


class Rooms(Protocol):
    """Where rooms come from."""

    def take(self) -> Room:
        """A room that nobody has used."""
        ...

    def give_back(self, room: Room) -> None:
        """Remove it, with all that is in it."""
        ...


@dataclass(frozen=True)
class FreshRooms:
    """Makes each room below `folder` when it is asked for."""

    folder: Path

    def take(self) -> Room:
        """A new room."""
        return Room.below(self.folder)

    def give_back(self, room: Room) -> None:
        """Remove it."""
        remove_tree(room.root)
