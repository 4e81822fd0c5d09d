"""Asks git about the repositories that flows run for."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from penstock.errors import CommandError, NotFoundError, UsageError
from penstock.project import PROJECT_ROOT
from penstock_shared.contracts.change import TAGS, Forge

_HOSTS = {
    "github.com": Forge.GITHUB,
    "gitlab.com": Forge.GITLAB,
    "bitbucket.org": Forge.BITBUCKET,
    "codeberg.org": Forge.GITEA,
}
_SHA = re.compile("[0-9a-f]{40}")
_UP_TO_HOST = re.compile(r"^(?:[\w+.-]+://)?(?:[^@/]*@)?")
_ADDRESS = re.compile(r"(?:.*[:/])?(?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/?")
_OF_GROUPS = re.compile(r"(?:[\w+.-]+://)?(?:[^@/]*@)?[^/:]+[:/](?P<name>[\w./-]+?)(?:\.git)?/?")
"""Addresses of GitLab, where groups have groups."""


@dataclass(frozen=True)
class Remote:
    """A repository: its name and forge in Penstock, and the address that git uses."""

    name: str
    url: str
    forge: Forge

    def commit_of(self, ref: str) -> str:
        """The commit that a ref points to. Raises NotFoundError."""
        behind_tag = f"{ref}^{{}}"
        found = _git("ls-remote", "--exit-code", self.url, ref, behind_tag).splitlines()
        commits = {name: sha for sha, _, name in (line.partition("\t") for line in found)}
        if ref not in commits:
            kind = "tag" if ref.startswith(TAGS) else "branch"
            raise NotFoundError(f"{self.name} has no {kind} {ref.split('/', 2)[-1]}")
        return commits.get(behind_tag, commits[ref])


def embedded_remote(home: Path | None, name: str | None) -> Remote:
    """The embedded stack's repository of this name; without one, the one that the current folder
    pushes to, or the only one that there is.

    Raises NotRunningError; NotFoundError for a name that the stack does not have; UsageError when
    it is unclear which one is meant.
    """
    from penstock.embedded import Stack

    known = {one["name"]: one for one in Stack.load(home).repositories}
    there = ", ".join(known) or "none yet"
    name = name or _pushed_from_here(known) or (next(iter(known)) if len(known) == 1 else None)
    if name is None:
        raise UsageError(f"say which repository with --repository; this stack has {there}")
    if name not in known:
        raise NotFoundError(
            f"no repository {name} is registered in this stack, which has {there}; a push to it "
            "registers it"
        )
    return Remote(name, known[name]["git_url"], Forge(known[name]["forge"]))


def _pushed_from_here(known: Mapping[str, Mapping[str, str]]) -> str | None:
    """The repository that a remote of the current folder leads to."""
    try:
        remotes = set(_git("remote", "--verbose").split())
    except NotFoundError:
        return None
    return next((name for name, one in known.items() if one["git_url"] in remotes), None)


def whole_ref(ref: str) -> str:
    """The whole ref of a branch that is named with or without refs/heads/, or of a tag that is
    named with refs/tags/.

    Raises UsageError for another ref: no flow starts from it.
    """
    if ref.startswith("refs/") and not ref.startswith(("refs/heads/", TAGS)):
        raise UsageError(f"{ref} is no branch and no tag; only these start a flow")
    return ref if ref.startswith("refs/") else f"refs/heads/{ref}"


def commit_named(name: str) -> str:
    """The commit that is named by its whole id, or by any name in the current folder's repository.

    Raises NotFoundError.
    """
    if _SHA.fullmatch(name):
        return name
    try:
        return _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
    except NotFoundError as error:
        raise NotFoundError(
            f"there is no commit {name} in the repository of this folder: give its whole id, of 40 "
            "hex digits"
        ) from error


def check_folder(address: str) -> None:
    """Raises NotFoundError if an address of a folder leads to no git repository."""
    parts = urlsplit(address)
    if parts.scheme != "file":
        return
    try:
        _git("--git-dir", unquote(parts.path), "rev-parse", "--git-dir")
    except NotFoundError as error:
        raise NotFoundError(f"there is no git repository at {address}") from error


def origin_of_here() -> Remote:
    """The remote `origin` of the current folder. Raises NotFoundError, UsageError."""
    url = _git("remote", "get-url", "origin").strip()
    forge = forge_of(url)
    found = (_OF_GROUPS if forge is Forge.GITLAB else _ADDRESS).fullmatch(url)
    if not found:
        raise UsageError(f"origin is at {url}, which names no owner/repository")
    return Remote(found["name"], url, forge)


def forge_of(address: str) -> Forge:
    """The forge of a repository, by the host of its address; plain git for any other host."""
    host = _UP_TO_HOST.sub("", address)
    return next((forge for name, forge in _HOSTS.items() if host.startswith(name)), Forge.GIT)


def name_of_here() -> str | None:
    """A name for the repository of the current folder: its origin's, or its folder's.

    None outside of repositories, and in the one that holds Penstock itself.
    """
    try:
        top = Path(_git("rev-parse", "--show-toplevel").strip())
    except NotFoundError:
        return None
    if top == PROJECT_ROOT:
        return None
    try:
        return origin_of_here().name
    except CommandError:
        return top.name


def _git(*arguments: str) -> str:
    # Never prompt for a password: nobody may be there to answer.
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(
        ["git", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode == 2 and arguments[0] == "ls-remote":
        return ""
    if done.returncode:
        raise NotFoundError(f"git {arguments[0]} failed: {' '.join(done.stderr.split())}")
    return done.stdout
