"""The post-receive hook: sends the webhook that GitHub would send, and prints the flow's page.

git runs it inside the bare repository, with one line per ref on its stdin,
`<before> <after> <ref>`, and shows its output to the pusher. It imports little, so that a push is
quick. An error never undoes the push; the hook prints what happened and what to do.

Usage: hook.py STACK_JSON
"""

import json
import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from penstock_shared.github import NO_COMMIT, commit_object, delivery_headers, push_event
from penstock_shared.printable import escaped

PATIENCE = 15.0
"""Seconds to wait for a restarting stack, for all refs of a push together."""
RETRY_AFTER = 0.3
_COMMIT_FORMAT = "%x00".join(("%H", "%aI", "%an", "%ae", "%B"))


class NotDeliveredError(Exception):
    """The webhook did not arrive, or was refused."""


class NotRegisteredError(NotDeliveredError):
    """The stack does not know the repository under what its file says."""


def main() -> None:
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # it is a file
    stack_file = Path(sys.argv[1])
    repository = Path(os.environ.get("GIT_DIR", ".")).resolve()
    deadline = time.monotonic() + PATIENCE
    # Split bytes, not text: the name of a ref may hold characters that str.splitlines splits at.
    for line in sys.stdin.buffer.read().splitlines():
        if line:
            _forward(line, stack_file, repository, deadline)


def _forward(line: bytes, stack_file: Path, repository: Path, deadline: float) -> None:
    before, after, name = line.split(b" ", 2)
    try:
        ref = name.decode()
        of = name_of(repository, stack_file)
        payload = payload_of(repository, of, before.decode(), after.decode(), ref)
        say(tell(stack_file, payload, deadline))
    except UnicodeDecodeError:
        say(f"{name!r} is pushed, but started no flow: its name is not UTF-8. Rename the branch.")
    except (NotDeliveredError, OSError, LookupError, ValueError) as error:
        again = f"cd {shlex.quote(str(repository))} && echo {shlex.quote(line.decode())}"
        say(f"{ref} is pushed, but started no flow: {error}")
        say(f"Run `penstock up`, then: {again} | hooks/post-receive")


def say(text: str) -> None:
    print(f"penstock: {escaped(text)}", flush=True)


def payload_of(repository: Path, name: str, before: str, after: str, ref: str) -> dict[str, Any]:
    """The push event that GitHub would send."""
    commit = None if after == NO_COMMIT else _commit(repository, after)
    pusher = os.environ.get("USER", "unknown")
    return push_event(name, repository.as_uri(), ref, before, after, commit, pusher=pusher)


def name_of(repository: Path, stack_file: Path) -> str:
    """`name` or `owner/name`: the path of the bare repository below the home's folder `git`."""
    top = stack_file.resolve().with_name("git")
    if not repository.is_relative_to(top):
        return repository.stem
    return repository.relative_to(top).as_posix().removesuffix(".git")


def _commit(repository: Path, sha: str) -> dict[str, Any] | None:
    """The commit, or the commit of a tag; None for any other object."""
    # The pusher's settings must not change the output of `git log`.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--git-dir", str(repository), "-c", "log.showSignature=false", "log", "-1"]
    options = ["--no-color", "--no-notes", "--no-patch", "--encoding=UTF-8"]
    found = subprocess.run(
        [*command, *options, f"--format={_COMMIT_FORMAT}", sha],
        env=environment,
        capture_output=True,
        check=False,
    )
    if found.returncode:
        return None
    # Old commits may be in any encoding, declared or not.
    parts = found.stdout.decode(errors="replace").split("\0", 4)
    commit, timestamp, name, email, message = parts
    return commit_object(
        commit, message=message.strip(), timestamp=timestamp, name=name, email=email
    )


def tell(stack_file: Path, payload: dict[str, Any], deadline: float) -> str:
    """Deliver the event; returns the line for the pusher. Raises NotDeliveredError."""
    answer, stack = deliver(stack_file, payload, deadline)
    return _answer_in_words(answer, stack)


def deliver(
    stack_file: Path, payload: dict[str, Any], deadline: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Deliver the event; returns the webhook's answer, and the stack. Raises NotDeliveredError.

    Tries at least once, and again until the deadline while the stack does not answer.
    """
    body = json.dumps(payload).encode()
    delivery, name = str(uuid.uuid4()), payload["repository"]["full_name"]
    refreshed = False
    while True:
        try:
            # Read again for each try: a stack may restart at another address.
            stack = json.loads(stack_file.read_text())
            return _post(_entry(stack, name), body, delivery), stack
        except NotRegisteredError as error:
            if refreshed:
                raise
            refreshed = True
            _register(stack_file, name, error)
        except (OSError, ValueError) as error:
            if time.monotonic() > deadline:
                raise NotDeliveredError(f"the stack does not answer ({error}).") from error
            time.sleep(RETRY_AFTER)


def _entry(stack: dict[str, Any], name: str) -> dict[str, str]:
    for entry in stack["repositories"]:
        if (entry["name"], entry["forge"]) == (name, "git"):
            if not entry["git_url"].startswith(stack["git_url"]):
                # Its name may be free by now.
                raise NotRegisteredError(f"{name} is not this repository")
            return dict(entry)
    raise NotRegisteredError(f"{name} is not registered")


def _register(stack_file: Path, name: str, because: Exception) -> None:
    """Register the repository, or find its new secret. Raises NotDeliveredError."""
    # Imported here: only the first push to a repository waits for it.
    from penstock.embedded.home import Home
    from penstock.embedded.registrations import refresh_repositories
    from penstock.errors import CommandError

    try:
        refresh_repositories(Home(stack_file.resolve().parent), name)
    except CommandError as error:
        raise NotDeliveredError(f"{because}; and it could not be registered: {error}") from error


def _post(entry: dict[str, str], body: bytes, delivery: str) -> dict[str, Any]:
    headers = delivery_headers(entry["webhook_secret"], body, delivery)
    request = urllib.request.Request(entry["webhook_url"], body, headers)  # noqa: S310  # `up` wrote it
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=PATIENCE) as answer:
            received: dict[str, Any] = json.loads(answer.read())
            return received
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")[:300]
        # A 404 that is not the webhook's own: the API is not deployed yet.
        if error.code >= 500 or (error.code == 404 and '"error"' not in said):
            raise
        told = f"the webhook answered {error.code}: {said}"
        if error.code in (401, 404):  # its state or its secret is another than that of the file
            raise NotRegisteredError(told) from error
        raise NotDeliveredError(told) from error


def _answer_in_words(answer: dict[str, Any], stack: dict[str, Any]) -> str:
    if "flow_id" not in answer:
        return str(answer.get("reason") or answer)
    flow_id, status = answer["flow_id"], answer.get("status", "started")
    flow = f"flow {flow_id} {stack['page_url']}flows/{flow_id}"
    if status == "started":
        return flow
    because = f": {answer['reason']}" if answer.get("reason") else ""
    return f"{flow} {status}{because}. To run it again: penstock retry {flow_id[:8]}"


if __name__ == "__main__":
    main()
