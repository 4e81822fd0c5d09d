"""Asks git about the repositories that flows run for."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import NotFoundError, UsageError

_ADDRESS = re.compile(r"(?:.*[:/])?(?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/?")


@dataclass(frozen=True)
class Remote:
    """A repository: its name in Penstock, and the address that git uses."""

    name: str
    url: str

    def commit_of(self, ref: str) -> str:
        """The commit that a ref points to. Raises NotFoundError."""
        for line in _git("ls-remote", "--exit-code", self.url, ref).splitlines():
            sha, _, name = line.partition("\t")
            if name == ref:
                return sha
        raise NotFoundError(f"{self.name} has no branch {ref.removeprefix('refs/heads/')}")


def embedded_remote(home: Path | None, name: str | None) -> Remote:
    """The embedded stack's repository of this name, or its default one.

    Raises NotRunningError, and NotFoundError for a name that it does not have.
    """
    from penstock.embedded import Stack

    stack = Stack.load(home)
    known = {one["name"]: one["git_url"] for one in stack.repositories}
    if name is None:
        name = next(each for each, url in known.items() if url == stack.git_url)
    if name not in known:
        raise NotFoundError(
            f"no repository {name} in this stack, which has {', '.join(known)}; "
            f"`penstock up --repository {name}` makes it"
        )
    return Remote(name, known[name])


def origin_of_here() -> Remote:
    """The remote `origin` of the current folder. Raises NotFoundError, UsageError."""
    url = _git("remote", "get-url", "origin").strip()
    found = _ADDRESS.fullmatch(url)
    if not found:
        raise UsageError(f"origin is at {url}, which names no owner/repository")
    return Remote(found["name"], url)


def _git(*arguments: str) -> str:
    # Never prompt for a password: nobody may be there to answer.
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(
        ["git", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode == 2 and arguments[0] == "ls-remote":
        return ""
    if done.returncode:
        raise NotFoundError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout
