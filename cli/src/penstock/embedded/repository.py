"""The bare repository to push to; its hook tells the stack of every push, as GitHub would."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from penstock.embedded.errors import EmbeddedError
from penstock.embedded.home import Home

_HOOK = Path(__file__).with_name("hook.py")


def ensure_repository(home: Home, name: str) -> str:
    """The address to push to, as a file URL. Raises EmbeddedError when git refuses."""
    folder = home.repositories / f"{name}.git"
    if not (folder / "HEAD").is_file():
        _git("init", "--quiet", "--bare", "--initial-branch=main", str(folder))
    # A runner fetches the one commit that it is told to, whichever branch it is on by then.
    _git("-C", str(folder), "config", "uploadpack.allowAnySHA1InWant", "true")
    _install_hook(folder, home)
    return folder.as_uri()


def _install_hook(folder: Path, home: Home) -> None:
    hook = folder / "hooks" / "post-receive"
    command = [sys.executable, "-I", str(_HOOK), str(home.stack_file)]
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nexec {shlex.join(command)}\n")
    hook.chmod(0o755)


def _git(*arguments: str) -> None:
    # A hook or a rebase that called us names its own repository; this is about another.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    finished = subprocess.run(
        ["git", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if finished.returncode:
        raise EmbeddedError(f"git {arguments[0]} failed: {finished.stderr.strip()}")
