"""The folders that jobs leave for later ones: prepared environments and caches.

`<folder>/<key>/<generation>/` has what was kept under a key at one time: `tree/0`, `tree/1`, ...,
`size` in bytes, and `lock`, whose time is that of its last use. A generation appears whole, by a
rename, and never changes; who uses it holds a shared lock, and only what nobody uses is removed. So
any number of runners can share a store.
"""

import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from penstock_runner.adapters.layers import merge, open_to_all
from penstock_runner.adapters.paths import remove_tree
from penstock_runner.domain.interruption import StopSignal
from penstock_runner.domain.ports import Layer
from penstock_runner.errors import JobError

_LOCK, _TREE, _SIZE, _MAKING = "lock", "tree", "size", "making"
_LOOK_AGAIN = 0.05
_A_DAY = 86400.0


@dataclass(frozen=True)
class KeptFolders:
    """What the jobs of one trust keep, up to `limit` bytes: the least recently used goes.

    `higher` are the stores of higher trusts on this disk. They are read, and never written to.
    """

    folder: Path
    limit: int
    higher: Sequence[Path] = ()

    @contextmanager
    def newest(self, key: str) -> Iterator[Path | None]:
        """The newest tree that was kept under this key, which stays while the context does.

        One of the store's own comes before one of a higher trust.
        """
        for folder in (self.folder, *self.higher):
            for generation in _newest_first(folder / key):
                with _shared(generation) as held:
                    if held:
                        yield generation / _TREE
                        return
        yield None

    @contextmanager
    def making(self, key: str, patience: float, stop: StopSignal) -> Iterator[None]:
        """Wait until nobody else makes what belongs to this key, for `patience` seconds at most.

        Raises JobInterruptedError.
        """
        place = self.folder / key
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        deadline = time.monotonic() + patience
        with (place / _MAKING).open("wb") as lock:
            while not _locked(lock, fcntl.LOCK_EX) and time.monotonic() < deadline:
                stop.check(time.monotonic())
                time.sleep(_LOOK_AGAIN)
            yield

    def keep(self, key: str, folders: Sequence[Path]) -> None:
        """Move these folders into the store. They must be on its disk. Raises JobError."""
        try:
            with self._growing(key) as tree:
                for number, folder in enumerate(folders):
                    open_to_all(folder)
                    folder.rename(tree / str(number))
        except OSError as error:
            raise JobError(f"what was prepared could not be kept: {error}") from error

    def keep_layer(self, key: str, layer: Layer) -> None:
        """Keep what a job has made of a folder, if it has changed it. Costs only speed if that
        fails, for example because the disk is full.
        """
        with suppress(OSError):
            if not any(layer.upper.iterdir()):
                return
            with self._growing(key) as tree:
                open_to_all(layer.upper)
                if layer.lower is None:
                    layer.upper.rename(tree / "0")
                else:
                    merge(layer.lower, layer.upper, tree / "0")

    @contextmanager
    def _growing(self, key: str) -> Iterator[Path]:
        place = self.folder / key
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = Path(tempfile.mkdtemp(dir=place, prefix=".new-"))
        try:
            (fresh / _TREE).mkdir()
            yield fresh / _TREE
            (fresh / _SIZE).write_text(str(_size_of(fresh)))
            (fresh / _LOCK).touch()
            fresh.rename(place / f"{time.time_ns()}")
        except BaseException:
            remove_tree(fresh)
            raise
        for old in _newest_first(place)[1:]:
            _remove_unused(old)
        self._trim()

    def _trim(self) -> None:
        weight = 0
        for _, size, generation in sorted(self._generations(), reverse=True):
            weight += size
            if weight > self.limit:
                _remove_unused(generation)
        for left in self.folder.glob("*/.[ng]*"):  # of killed runners
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > _A_DAY:
                    remove_tree(left)

    def _generations(self) -> Iterator[tuple[float, int, Path]]:
        for generation in self.folder.glob("*/[0-9]*"):
            with suppress(FileNotFoundError, ValueError):
                used = (generation / _LOCK).stat().st_mtime
                yield used, int((generation / _SIZE).read_text()), generation


def _newest_first(place: Path) -> list[Path]:
    return sorted(place.glob("[0-9]*"), key=lambda path: path.name, reverse=True)


@contextmanager
def _shared(generation: Path) -> Iterator[bool]:
    """Hold a generation; false if it is gone."""
    try:
        lock = (generation / _LOCK).open("rb")
    except OSError:  # removed, or of a trust whose folders this runner may not read
        yield False
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        with suppress(OSError):
            os.utime(lock.fileno())
        yield generation.is_dir()  # whoever removes it renames it under the lock first


def _remove_unused(generation: Path) -> None:
    with suppress(OSError), (generation / _LOCK).open("rb") as lock:
        if _locked(lock, fcntl.LOCK_EX):
            remove_tree(generation.rename(generation.with_name(f".gone-{generation.name}")))


def _locked(lock: IO[bytes], how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _size_of(folder: Path) -> int:
    """Bytes of the disk, roughly: a file that several generations share counts in each."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            found = Path(path, name).lstat()
            total += found.st_blocks * 512 if stat.S_ISREG(found.st_mode) else 0
    return total
