"""The user of a job inside its sandbox.

The jobs of an unprivileged runner run as its own user in a user namespace, without capabilities.
The jobs of a runner that is root must not run as root in any namespace: root owns /etc/shadow, and
the kernel does not limit root's processes. They get an unused user id, which owns their folders.
"""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# The range of systemd's dynamic users, see systemd.exec(5).
_USERS = range(61184, 65520)
_BECOME = (
    "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs",
)  # fmt: skip
_NEEDED = (0, 6, 7, 21)
"""CAP_CHOWN, CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN, see capability.h."""
SETPRIV = Path("/usr/bin/setpriv")
"""Of util-linux."""


@dataclass(frozen=True)
class Identity:
    """`user` is the user id of the job if the runner is root; None for the runner's own user."""

    user: int | None

    @classmethod
    def new(cls) -> "Identity":
        """The identity of one job."""
        return cls(random.choice(_USERS) if _may_become_anybody() else None)  # noqa: S311  # no secret

    @property
    def arguments(self) -> list[str]:
        """bubblewrap's arguments for the privileges of the program that starts the command."""
        if self.user is None:
            return ["--unshare-user"]
        kept = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
        return ["--cap-drop", "ALL", *(part for name in kept for part in ("--cap-add", name))]

    @property
    def entry(self) -> list[str]:
        """The program, with arguments, that drops those privileges."""
        if self.user is None:
            return []
        return [str(SETPRIV), f"--reuid={self.user}", f"--regid={self.user}", *_BECOME]

    @property
    def account(self) -> bytes:
        """The job's /etc/passwd, in which tools look up their user; empty to use the machine's."""
        if self.user is None:
            return b""
        lines = ("root:x:0:0::/:/bin/sh", f"penstock:x:{self.user}:{self.user}::/tmp:/bin/sh")
        return "".join(f"{line}\n" for line in lines).encode()

    def own(self, folders: Sequence[Path]) -> None:
        """Make the job's user the owner of the folders and everything in them."""
        if self.user is None:
            return
        for top in folders:
            os.chown(top, self.user, self.user)
            for _, names, files, folder in os.fwalk(top):
                for name in (*names, *files):
                    os.chown(name, self.user, self.user, dir_fd=folder, follow_symlinks=False)


def _may_become_anybody() -> bool:
    """Whether this process has root's capabilities, which containers often lack."""
    status = Path("/proc/self/status").read_text()
    _, _, held = status.partition("CapEff:")
    return all(int(held.split()[0], 16) >> number & 1 for number in _NEEDED)
