"""Sandboxes made by util-linux's `unshare`, where bubblewrap is missing.

A command gets the same namespaces. It sees the machine's file system, with empty folders over the
runner's home and work folder, /tmp and /run. It can read everything else that the runner's user
can.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import join, quote

from penstock_runner.domain.ports import Command
from penstock_runner.errors import JobError
from penstock_runner.sandbox.cell import Cell, Process, await_readable
from penstock_runner.sandbox.identity import SETPRIV, Identity
from penstock_runner.sandbox.limits import Limits, Meter, descendants
from penstock_runner.sandbox.namespace import EXIT_CODE, Namespace, death_of, unmade
from penstock_runner.sandbox.network import Network
from penstock_runner.sandbox.script import script_of

_NAMESPACES = ("--mount", "--pid", "--fork", "--kill-child=KILL", "--ipc", "--uts", "--net")
_WITHOUT_RIGHTS = (str(SETPRIV), "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs")
_TMP = Path("/tmp")  # noqa: S108  # each job has its own
_ALWAYS_COVERED = (_TMP, Path("/var/tmp"), Path("/run"))  # noqa: S108
_BEGIN_PATIENCE = 10.0
# dash accepts only descriptors of one digit: the status arrives as stderr and moves to 3.
_ENTRY = ("/bin/sh", "-c", 'exec 3>&2 2>&1; exec "$@"', "sh")


@dataclass(frozen=True)
class Unshare:
    """Makes a sandbox with the program `unshare` for each command.

    Jobs do not see the folders `covered`, except for `folders` below them.
    """

    unshare: Path
    covered: Sequence[Path]
    folders: Sequence[Path] = ()
    limits: Limits = field(default_factory=Limits)
    network: Network | None = None

    def start(self, command: Command) -> Cell:
        """A sandbox in which the command waits to begin. Raises JobError."""
        script = script_of(command, self.limits)
        identity = Identity.new()
        identity.own(command.writable)
        status, writing = os.pipe()
        try:
            process = self._started(command, identity, writing)
        except OSError as error:
            os.close(status)
            raise JobError(f"the sandbox could not be started: {error}") from error
        finally:
            os.close(writing)
        init = _init_of(process, status)
        meter = Meter(init, self.limits, command.writable)
        died = death_of(process, init, status)
        network, deploys = self.network, command.deploys
        return Namespace(process, init, died, status, meter, network, script, deploys)

    def _started(self, command: Command, identity: Identity, status: int) -> Process:
        user = ["--user", "--map-root-user"] if identity.user is None else []
        return subprocess.Popen(
            [*_ENTRY, str(self.unshare), *user, *_NAMESPACES, "--", "/bin/sh", "-c",
             self._maker(command, identity)],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=status,
            bufsize=0,
            start_new_session=True,
        )  # fmt: skip

    def _maker(self, command: Command, identity: Identity) -> str:
        """A script that makes the file system and then becomes the waiting shell.

        Folders that stay visible are bound to /mnt while those above them are covered.
        """
        kept = [*command.writable, *self.folders]
        covered = [*_ALWAYS_COVERED, *self.covered]
        temporary = command.site.temporary if command.site else None
        lines = [
            "set -e",
            "echo >&3",
            "umask 022",
            "mount -t tmpfs none /mnt",
            *(_keep(number, path) for number, path in enumerate(kept)),
            *(f"[ ! -d {_(path)} ] || mount -t tmpfs none {_(path)}" for path in covered),
            *(
                [f"chmod 1777 {_TMP}"]
                if temporary is None
                else [_bind(kept.index(temporary), _TMP)]
            ),
            *(_bind(number, path) for number, path in enumerate(kept)),
            *(f"mount -o remount,bind,ro {_(path)}" for path in self.folders),
            "umount -l /mnt",
            "ip link set lo up",
            "mount -t proc proc /proc",
            f"echo {EXIT_CODE.decode()} >&3; exec 3>&-",
            f"exec env -i {join(identity.entry or _WITHOUT_RIGHTS)} /bin/sh",
        ]
        return "\n".join(lines)


def _(path: Path) -> str:
    return quote(str(path))


def _keep(number: int, path: Path) -> str:
    make = "mkdir" if path.is_dir() else "touch"
    return f"{make} /mnt/{number}; mount --bind {_(path)} /mnt/{number}"


def _bind(number: int, path: Path) -> str:
    make = f"mkdir -p {_(path)}" if path.is_dir() else f"touch {_(path)}"
    return f"{make}; mount --bind /mnt/{number} {_(path)}"


def _init_of(process: Process, status: int) -> int:
    """The namespace's first process, once it runs: the only child of `unshare`."""
    if await_readable(status, _BEGIN_PATIENCE) and os.read(status, 1):
        for child in descendants(process.pid):
            return child
    raise unmade(process, status, OSError("unshare did not begin"))
