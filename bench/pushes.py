"""The pushes that the workloads post: real commits, in GitHub's format."""

import hashlib
import hmac
import json
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import SubjectError
from penstock_shared.github import NO_COMMIT, commit_object, delivery_headers, push_event

REF = "refs/heads/main"
BRANCH = "refs/heads/branch"
AUTHOR = {"name": "Bench", "email": "bench@example.test"}
ANSWER_SECONDS = 30

PENSTOCK_YML = """\
version: 1
components:
  app:
    path: app
    build: {run: "true"}
    deploy: {driver: command, run: "true"}
gates:
  check: {run: "true"}
environments:
  staging: {stage: staging, mode: parallel}
  production: {stage: production, mode: parallel}
release: {from: staging, to: production, bake: 0s}
branches: {main: release}
"""


@dataclass(frozen=True)
class Push:
    """One commit on a ref of a repository, and its parent."""

    repository: str
    clone_url: str
    before: str
    after: str
    ref: str = REF


class WorkloadRepository:
    """A bare repository with a pipeline of four stages that do nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0
        self._tip = NO_COMMIT
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(folder))

    @property
    def name(self) -> str:
        """The repository's full name, with its owner."""
        return f"bench/{self._folder.stem}"

    @property
    def clone_url(self) -> str:
        """The address to fetch the repository from."""
        return self._folder.as_uri()

    def pushes(self, count: int) -> list[Push]:
        """Put `count` commits on main, each changing the one component, oldest first."""
        stream = "".join(self._commit(self._made + n) for n in range(count))
        self._git("-C", str(self._folder), "fast-import", "--quiet", text=stream)
        self._made += count
        return self._since_last_time(count)

    def documents(self, count: int) -> Iterator[Push]:
        """Put `count` commits on main that change no component, one after the other."""
        for number in range(count):
            yield self._advance(REF, {"notes.txt": f"{self._made}.{number}"})

    def branch(self) -> Push:
        """Put a commit on a new branch that changes the one component."""
        self._made += 1
        return self._advance(BRANCH, {"app/change.txt": f"branch {self._made}"})

    def merge(self) -> Push:
        """Put main to what is on the branch."""
        merged = self._git("-C", str(self._folder), "rev-parse", BRANCH).strip()
        self._git("-C", str(self._folder), "update-ref", REF, merged)
        before, self._tip = self._tip, merged
        return Push(self.name, self.clone_url, before, merged)

    def _advance(self, ref: str, files: Mapping[str, str]) -> Push:
        before = self._tip
        stream = (
            f"commit {ref}\ncommitter Bench <{AUTHOR['email']}> {int(time.time())} +0000\n"
            f"{_data('Change')}from {before}\n{''.join(map(_inline, files, files.values()))}\n"
        )
        self._git("-C", str(self._folder), "fast-import", "--quiet", text=stream)
        after = self._git("-C", str(self._folder), "rev-parse", ref).strip()
        if ref == REF:
            self._tip = after
        return Push(self.name, self.clone_url, before, after, ref)

    def files(self, number: int) -> Mapping[str, str]:
        """The files that the commit of that number writes: text by path."""
        first = {"penstock.yml": PENSTOCK_YML} if number == 0 else {}
        return {**first, "app/change.txt": f"{number}"}

    def _since_last_time(self, count: int) -> list[Push]:
        listed = self._git(
            "-C", str(self._folder), "rev-list", "--reverse", f"--max-count={count}", REF
        ).split()
        befores = [self._tip, *listed[:-1]]
        self._tip = listed[-1]
        return [
            Push(self.name, self.clone_url, before, after)
            for before, after in zip(befores, listed, strict=True)
        ]

    def _commit(self, number: int) -> str:
        parent = f"from {self._tip}\n" if number == self._made and number else ""
        files = "".join(_inline(path, text) for path, text in self.files(number).items())
        return (
            f"commit {REF}\ncommitter Bench <{AUTHOR['email']}> {int(time.time())} +0000\n"
            f"{_data(f'Change {number}')}{parent}{files}\n"
        )

    def _git(self, *arguments: str, text: str = "") -> str:
        done = subprocess.run(
            ["git", *arguments], input=text, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SubjectError(f"git {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout


def _data(content: str) -> str:
    return f"data {len(content.encode())}\n{content}\n"


def _inline(path: str, content: str) -> str:
    return f"M 100644 inline {path}\n{_data(content)}"


def payload(push: Push) -> bytes:
    """Return the body of GitHub's push event, with the fields that any subject reads."""
    commit = commit_object(
        push.after, message="Change", timestamp="2026-11-01T12:00:00+00:00", **AUTHOR
    ) | {
        "url": f"{push.clone_url}/commit/{push.after}",
        "distinct": True,
        "added": [],
        "removed": [],
        "modified": ["app/change.txt"],
    }
    event = push_event(
        push.repository,
        push.clone_url,
        push.ref,
        push.before,
        push.after,
        commit,
        pusher=AUTHOR["name"],
    )
    return json.dumps(event | {"forced": False, "pusher": AUTHOR}).encode()


def post(url: str, body: bytes, secret: str) -> bytes:
    """Deliver a push event with both kinds of signature, and return the answer's body.

    Raises SubjectError when the receiver refuses it or cannot be reached.
    """
    request = urllib.request.Request(url, data=body, headers=_headers(body, secret))
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")[:500]
        raise SubjectError(f"{url} answered {error.code} to a push: {said}") from error
    except OSError as error:
        raise SubjectError(f"{url} could not be reached: {error}") from error


def _headers(body: bytes, secret: str) -> dict[str, str]:
    old_signature = hmac.digest(secret.encode(), body, hashlib.sha1).hex()
    return delivery_headers(secret, body, str(uuid.uuid4())) | {
        "X-Hub-Signature": f"sha1={old_signature}"
    }
