"""The bare repositories to push to; their hook sends the webhook that GitHub would send."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from penstock.embedded.errors import EmbeddedError
from penstock.embedded.home import Home

_HOOK = Path(__file__).with_name("hook.py")
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"
_NAME = re.compile(rf"(?:{_PART}/)?{_PART}")


def ensure_repository(home: Home, name: str) -> str:
    """Make the repository `name` or `owner/name`, and return its address, a file URL.

    Raises EmbeddedError when the name is of another form, or when git fails.
    """
    folder = home.repositories / f"{checked_name(name)}.git"
    if not (folder / "HEAD").is_file():
        _git("init", "--quiet", "--bare", "--initial-branch=main", str(folder))
    # Snapshots are made of one commit by its sha, whichever branch it is on by then.
    _git("-C", str(folder), "config", "uploadpack.allowAnySHA1InWant", "true")
    # `penstock.embedded.pushes` reads the reflogs.
    _git("-C", str(folder), "config", "core.logAllRefUpdates", "true")
    _install_hook(folder, home)
    return folder.as_uri()


def local_repositories(home: Home) -> dict[str, Path]:
    """The bare repositories of this home, by name."""
    heads = [*home.repositories.glob("*.git/HEAD"), *home.repositories.glob("*/*.git/HEAD")]
    folders = sorted(head.parent for head in heads)
    return {
        folder.relative_to(home.repositories).as_posix().removesuffix(".git"): folder
        for folder in folders
    }


def checked_name(name: str) -> str:
    """Return the name unchanged. Raises EmbeddedError unless it is `name` or `owner/name`."""
    if not is_name(name):
        raise EmbeddedError(
            f"{name!r} is no name of a repository. Use `name` or `owner/name`, of letters, digits, "
            "`.`, `_` and `-`, starting with a letter or a digit, not ending in `.git`."
        )
    return name


def is_name(name: str) -> bool:
    """Whether a repository may have this name."""
    reserved = any(part.endswith((".git", ".lock", ".")) for part in name.split("/"))
    return bool(_NAME.fullmatch(name)) and not reserved


def _install_hook(folder: Path, home: Home) -> None:
    hook = folder / "hooks" / "post-receive"
    command = [sys.executable, "-I", str(_HOOK), str(home.stack_file)]
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nexec {shlex.join(command)}\n")
    hook.chmod(0o755)


def _git(*arguments: str) -> None:
    # A calling hook or rebase sets GIT_* for its own repository; this command is for another.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    finished = subprocess.run(
        ["git", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if finished.returncode:
        raise EmbeddedError(f"git {arguments[0]} failed: {finished.stderr.strip()}")
