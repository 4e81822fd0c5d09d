"""The empty folders that jobs begin in, and their removal."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from penstock_runner.adapters.interpreter import LAYER, Interpreter
from penstock_runner.adapters.paths import remove_tree


@dataclass(frozen=True)
class Room:
    """The folders of one job, all below `root`. `python` is the job's own virtual environment."""

    root: Path
    python: Path | None = None

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
    def layers(self) -> Path:
        """Where the changes to shared folders are."""
        return self.root / "layers"

    @property
    def folders(self) -> tuple[Path, Path, Path]:
        """What the job may write."""
        return self.source, self.home, self.temporary


@dataclass(frozen=True)
class RoomMaker:
    """Makes rooms below `folder`, each with its own layer on top of the interpreter, if any."""

    folder: Path
    interpreter: Interpreter | None = None

    def make(self) -> Room:
        """A new room. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)  # tidy-up of temporary files may take it
        root = Path(tempfile.mkdtemp(dir=self.folder, prefix="job-"))
        room = Room(root)
        for each in room.folders:
            each.mkdir()
        if self.interpreter is None:
            return room
        self.interpreter.add_layer(room.home / LAYER)
        return Room(root, room.home / LAYER)


class Rooms(Protocol):
    """Where rooms come from."""

    def take(self) -> Room:
        """A room that nobody has used."""
        ...

    def take_bare(self) -> Room:
        """A room that nobody has used, without a sandbox around it: its job brings layers."""
        ...

    def give_back(self, room: Room) -> None:
        """Remove it with all that is in it, at the latest in the next `tidy_up`."""
        ...

    def tidy_up(self) -> None:
        """Do what should delay no job. Called between jobs."""
        ...


@dataclass(frozen=True)
class FreshRooms:
    """Makes each room when it is asked for."""

    maker: RoomMaker

    def take(self) -> Room:
        """A new room."""
        return self.maker.make()

    def take_bare(self) -> Room:
        """A new room."""
        return self.maker.make()

    def give_back(self, room: Room) -> None:
        """Remove it."""
        remove_tree(room.root)

    def tidy_up(self) -> None:
        """Nothing is left to do."""
