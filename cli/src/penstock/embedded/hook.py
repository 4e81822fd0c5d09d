"""The post-receive hook: sends the webhook that GitHub would send, and shows the flow's page.

Runs in the pusher's terminal, inside the bare repository, with one line a ref on its stdin:
`<before> <after> <ref>`. It uses the standard library alone, so that a push does not wait for
imports. Whatever goes wrong, the push stands; the hook says what to do.

Usage: hook.py STACK_JSON
"""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

NO_COMMIT = "0" * 40
PATIENCE = 15.0
"""Seconds for which a stack that is just restarting is waited for."""
RETRY_AFTER = 0.3
_SEPARATOR = "\x1f"
_COMMIT_FORMAT = _SEPARATOR.join(("%H", "%T", "%aI", "%an", "%ae", "%B"))


class NotDeliveredError(Exception):
    """The webhook did not arrive, or was refused."""


def main() -> None:
    stack_file = Path(sys.argv[1])
    repository = Path(os.environ.get("GIT_DIR", ".")).resolve()
    for line in sys.stdin.read().splitlines():
        before, after, ref = line.split(maxsplit=2)
        try:
            say(tell(stack_file, payload_of(repository, before, after, ref)))
        except (NotDeliveredError, OSError, LookupError, ValueError) as error:
            say(f"{ref} is pushed, but started no flow: {error}")
            say(f"Run `penstock up`, then: cd {repository} && echo '{line}' | hooks/post-receive")


def say(text: str) -> None:
    print(f"penstock: {text}", flush=True)


def payload_of(repository: Path, before: str, after: str, ref: str) -> dict[str, Any]:
    """GitHub's push event: https://docs.github.com/en/webhooks/webhook-events-and-payloads#push."""
    deleted = after == NO_COMMIT
    commit = None if deleted else _commit(repository, after)
    return {
        "ref": ref,
        "before": before,
        "after": after,
        "created": before == NO_COMMIT,
        "deleted": deleted,
        "forced": False,
        "repository": {
            "name": repository.stem,
            "full_name": repository.stem,
            "clone_url": repository.as_uri(),
            "default_branch": "main",
        },
        "head_commit": commit,
        "commits": [commit] if commit else [],
        "pusher": {"name": os.environ.get("USER", "unknown")},
    }


def _commit(repository: Path, sha: str) -> dict[str, Any] | None:
    """The commit, or the one that a tag names; None when the object is neither."""
    command = ["git", "-C", str(repository), "log", "-1", f"--format={_COMMIT_FORMAT}", sha]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        return None
    commit, tree, timestamp, name, email, message = found.stdout.split(_SEPARATOR, 5)
    person = {"name": name, "email": email}
    return {
        "id": commit,
        "tree_id": tree,
        "message": message.strip(),
        "timestamp": timestamp,
        "author": person,
        "committer": person,
    }


def tell(stack_file: Path, payload: dict[str, Any]) -> str:
    """Deliver the event; returns what to tell the pusher. Raises NotDeliveredError."""
    body = json.dumps(payload).encode()
    delivery = str(uuid.uuid4())
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            # Read again each time: a stack that restarts may come back at another address.
            stack = json.loads(stack_file.read_text())
            return _answer_in_words(_post(stack, body, delivery), stack)
        except (OSError, ValueError) as error:
            if time.monotonic() > deadline:
                raise NotDeliveredError(f"the stack does not answer ({error}).") from error
            time.sleep(RETRY_AFTER)


def _post(stack: dict[str, Any], body: bytes, delivery: str) -> dict[str, Any]:
    signature = hmac.new(stack["webhook_secret"].encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/penstock",
        "X-GitHub-Delivery": delivery,
        "X-GitHub-Event": "push",
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    request = urllib.request.Request(stack["webhook_url"], body, headers)  # noqa: S310  # `up` wrote it
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=PATIENCE) as answer:
            told: dict[str, Any] = json.loads(answer.read())
            return told
    except urllib.error.HTTPError as error:
        if error.code >= 500 or error.code == 404:  # 404: the API is not deployed yet
            raise
        raise NotDeliveredError(f"the webhook answered {error.code}: {_text_of(error)}") from error


def _text_of(error: urllib.error.HTTPError) -> str:
    return error.read().decode(errors="replace")[:300]


def _answer_in_words(answer: dict[str, Any], stack: dict[str, Any]) -> str:
    if "flow_id" not in answer:
        return str(answer.get("reason") or answer)
    return f"flow {answer['flow_id']} {stack['page_url']}flows/{answer['flow_id']}"


if __name__ == "__main__":
    main()
