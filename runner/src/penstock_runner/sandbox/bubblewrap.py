"""Sandboxes made by bubblewrap: https://github.com/containers/bubblewrap.

A command gets its own process, mount, IPC, host name and network namespaces, and a user namespace
or, if the runner is root, a user id of its own. It sees the system's folders and those of the tools
on its PATH, read-only, and its own folders, and no others.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from penstock_runner.domain.ports import Command, Layer, Site
from penstock_runner.errors import JobError
from penstock_runner.sandbox.cell import Cell, Process, await_readable
from penstock_runner.sandbox.folders import parents_of, read_only, system_binds
from penstock_runner.sandbox.identity import Identity
from penstock_runner.sandbox.limits import Limits, Meter
from penstock_runner.sandbox.namespace import Namespace, death_of, unmade
from penstock_runner.sandbox.network import Network
from penstock_runner.sandbox.script import script_of

_PRIVATE = (
    "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--unshare-cgroup-try",
    "--die-with-parent", "--proc", "/proc", "--dev", "/dev",
)  # fmt: skip
_SHARED_MEMORY = 256 << 20
"""Bytes of /dev/shm."""
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  # each job has its own
_BEGIN_PATIENCE = 10.0

Inode = tuple[int, int]
"""Device and number."""


@dataclass(frozen=True)
class Waiting:
    """A sandbox whose shell waits for a script. `binds` are the folders that it was made with, by
    path and the identity of their files.
    """

    cell: Namespace
    identity: Identity
    binds: Mapping[Path, Inode]

    @property
    def process(self) -> Process:
        """The process that ends with the sandbox."""
        return self.cell.process

    def is_sound(self) -> bool:
        """Whether it lives, and what it sees is what lies at these paths by now."""
        return self.process.poll() is None and _inodes(list(self.binds)) == self.binds

    def end(self) -> None:
        """End it unused."""
        self.cell.kill()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


@dataclass(frozen=True)
class Bubblewrap:
    """Makes a sandbox with the program `bwrap` for each command.

    Jobs can read `folders` and the system's. Without a `network` they have no network.
    """

    bwrap: Path
    folders: Sequence[Path] = ()
    limits: Limits = field(default_factory=Limits)
    network: Network | None = None

    def start(self, command: Command) -> Cell:
        """A sandbox in which the command waits to begin. Raises JobError."""
        if not command.folder.is_dir():
            raise JobError(f"the command could not be started: there is no {command.folder}")
        script_of(command, self.limits)  # refuses what no sandbox needs to be made for
        temporary = command.site.temporary if command.site else None
        waiting = self.prepare(command.writable, temporary, command.site)
        return self.assign(waiting, command)

    def assign(self, waiting: Waiting, command: Command) -> Cell:
        """Give a waiting sandbox its command, which still waits to begin. Raises JobError."""
        cell = waiting.cell
        cell.script = script_of(command, self.limits)
        cell.deploys = command.deploys
        cell.meter = Meter(cell.init, self.limits, command.measured)
        waiting.identity.own(command.writable)
        return cell

    def prepare(
        self, writable: Sequence[Path], temporary: Path | None, site: Site | None = None
    ) -> Waiting:
        """A sandbox around these folders that waits for its command, with all doors that a
        command may have. `temporary` is its /tmp; `site` says where it sees them, and which layers
        lie on them. Raises JobError.
        """
        identity = Identity.new()
        binds = _inodes([*self.folders, *writable])
        status, writing = os.pipe()
        try:
            process = self._started(self._arguments(writable, temporary, site), identity, writing)
        except OSError as error:
            os.close(status)
            raise JobError(f"the sandbox could not be started: {error}") from error
        finally:
            os.close(writing)
        return Waiting(self._cell(process, status, writable), identity, binds)

    def _started(self, arguments: Sequence[str], identity: Identity, status: int) -> Process:
        with _in_memory(identity.account) as account:
            binds = ["--ro-bind-data", str(account), "/etc/passwd"] if identity.account else []
            all_of_them = [*_PRIVATE, *identity.arguments, *arguments, *binds]
            all_of_them += ["--json-status-fd", str(status)]
            with _in_memory(_joined(all_of_them)) as listed:
                return subprocess.Popen(
                    [str(self.bwrap), "--args", str(listed), "--", *identity.entry, "/bin/sh"],
                    env={},
                    cwd="/",
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    bufsize=0,
                    pass_fds=(listed, status, account),
                    start_new_session=True,
                )

    def _arguments(
        self, writable: Sequence[Path], own_tmp: Path | None, site: Site | None
    ) -> list[str]:
        seen = {name: site.seen(name) if site else name for name in writable}
        shared = ["--perms", "1777", "--size", str(_SHARED_MEMORY), "--tmpfs", "/dev/shm"]  # noqa: S108
        temporary = ["--bind", str(own_tmp)] if own_tmp else ["--tmpfs"]
        return [
            *system_binds(),
            *shared,
            *("--remount-ro", "/dev"),
            *parents_of(_TEMPORARY),
            *(part for name in _TEMPORARY for part in (*temporary, str(name))),
            *parents_of([*self.folders, *seen.values()]),
            *read_only(self.folders),
            *(part for pair in seen.items() for part in ("--bind", *map(str, pair))),
            *(_layers(site) if site else ()),
            *("--remount-ro", "/"),
        ]

    def _cell(self, process: Process, status: int, writable: Sequence[Path]) -> Namespace:
        try:
            init = _init_of(status)
        except (OSError, ValueError) as error:
            raise unmade(process, status, error) from error
        meter = Meter(init, self.limits, writable)
        died = death_of(process, init, status)
        return Namespace(process, init, died, status, meter, self.network, b"", deploys=True)


def _layers(site: Site) -> list[str]:
    return [part for layer in site.layers for part in _layer(layer, site)]


def _layer(layer: Layer, site: Site) -> list[str]:
    place, upper, work = map(str, (site.seen(layer.place), layer.upper, layer.work))
    if layer.lower is None:
        return ["--bind", upper, place]
    return ["--overlay-src", str(layer.lower), "--overlay", upper, work, place]


def _inodes(folders: Sequence[Path]) -> dict[Path, Inode]:
    found: dict[Path, Inode] = {}
    for folder in folders:
        with suppress(OSError):
            status = folder.stat()
            found[folder] = status.st_dev, status.st_ino
    return found


def _init_of(status: int) -> int:
    """The process id of the namespace's first process, from bubblewrap's first line of JSON."""
    line = b""
    while not line.endswith(b"\n"):
        if not await_readable(status, _BEGIN_PATIENCE):
            raise OSError(f"no answer within {_BEGIN_PATIENCE:g} s")
        received = os.read(status, 1 << 12)  # the next line comes when the command ends
        if not received:
            raise OSError("bubblewrap ended")
        line += received
    return int(json.loads(line)["child-pid"])


def _joined(arguments: Sequence[str]) -> bytes:
    return b"".join(os.fsencode(argument) + b"\0" for argument in arguments)


@contextmanager
def _in_memory(content: bytes) -> Iterator[int]:
    descriptor = os.memfd_create("sandbox")
    try:
        os.write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)
