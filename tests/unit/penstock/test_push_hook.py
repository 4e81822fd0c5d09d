"""The post-receive hook, run by real git on a real push, against a listener in this process."""

import hashlib
import hmac
import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from penstock.embedded import hook
from penstock.embedded.home import Home
from penstock.embedded.repository import ensure_repository
from tests.unit.penstock.test_stack_file import STACK

AUTHOR = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")


@dataclass
class Listener:
    """Answers webhooks from a list, the last answer again and again."""

    answers: list[tuple[int, dict[str, Any]]]
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def take(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.bodies.append(body)
        self.headers.append(headers)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def listener() -> Listener:
    return Listener([(202, {"flow_id": "f1", "status": "started"})])


@pytest.fixture
def home(tmp_path: Path, listener: Listener) -> Iterator[Home]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = listener.take(body, headers)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_request(self, *_args: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        home = Home(tmp_path / "home")
        home.make()
        address = f"http://127.0.0.1:{server.server_port}"
        replace(STACK, webhook_url=f"{address}/webhook", page_url=f"{address}/").save(
            home.stack_file
        )
        yield home
        server.shutdown()


@pytest.fixture
def clone(tmp_path: Path, home: Home) -> Path:
    folder = tmp_path / "clone"
    git("init", "--quiet", "--initial-branch=main", str(folder))
    git("-C", str(folder), "remote", "add", "origin", ensure_repository(home, "shop"))
    commit(folder, "First")
    return folder


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def commit(folder: Path, message: str) -> str:
    git("-C", str(folder), *AUTHOR, "commit", "--quiet", "--allow-empty", "-m", message)
    return git("-C", str(folder), "rev-parse", "HEAD").strip()


def push(folder: Path, *refs: str) -> str:
    return git("-C", str(folder), "push", "origin", *refs)


def test_a_push_is_told_with_githubs_own_signature(clone: Path, listener: Listener) -> None:
    push(clone, "main")

    expected = hmac.new(STACK.webhook_secret.encode(), listener.bodies[0], hashlib.sha256)
    headers = listener.headers[0]
    assert headers["x-hub-signature-256"] == f"sha256={expected.hexdigest()}"
    assert headers["x-github-event"] == "push"
    assert headers["x-github-delivery"]


def test_a_push_says_what_changed_and_who_did_it(
    clone: Path, home: Home, listener: Listener
) -> None:
    before = git("-C", str(clone), "rev-parse", "HEAD").strip()
    push(clone, "main")
    after = commit(clone, "Second\n\nWith a body.")
    push(clone, "main")

    told = json.loads(listener.bodies[1])
    assert (told["ref"], told["before"], told["after"]) == ("refs/heads/main", before, after)
    assert told["deleted"] is False
    assert told["head_commit"]["id"] == after
    assert told["head_commit"]["message"] == "Second\n\nWith a body."
    assert told["head_commit"]["author"] == {"name": "Ada", "email": "ada@example.com"}
    assert told["repository"]["full_name"] == "shop"
    assert told["repository"]["clone_url"] == (home.repositories / "shop.git").as_uri()


def test_the_pusher_sees_the_flows_page(clone: Path, home: Home) -> None:
    page = json.loads(home.stack_file.read_text())["page_url"]

    assert f"penstock: flow f1 {page}flows/f1" in push(clone, "main")


def test_every_pushed_ref_is_told(clone: Path, listener: Listener) -> None:
    push(clone, "main", "main:feature")

    refs = {json.loads(body)["ref"] for body in listener.bodies}
    assert refs == {"refs/heads/main", "refs/heads/feature"}


def test_a_deleted_branch_is_told_as_deleted(clone: Path, listener: Listener) -> None:
    push(clone, "main:feature")
    listener.answers = [(202, {"status": "ignored", "reason": "there is nothing to build"})]

    said = push(clone, ":feature")

    told = json.loads(listener.bodies[1])
    assert (told["deleted"], told["after"], told["head_commit"]) == (True, hook.NO_COMMIT, None)
    assert "penstock: there is nothing to build" in said


def test_a_stack_that_is_just_restarting_is_waited_for(clone: Path, listener: Listener) -> None:
    listener.answers = [(503, {}), (404, {}), (202, {"flow_id": "f2"})]

    assert "flow f2" in push(clone, "main")
    assert len({headers["x-github-delivery"] for headers in listener.headers}) == 1


def test_a_refusal_is_shown_and_the_push_stands(clone: Path, listener: Listener) -> None:
    listener.answers = [(401, {"error": "the signature is wrong"})]

    said = push(clone, "main")

    assert "the webhook answered 401" in said
    assert "the signature is wrong" in said
    assert git("-C", str(clone), "ls-remote", "origin", "main") != ""


def test_the_hook_says_how_to_tell_the_push_again(
    clone: Path, home: Home, listener: Listener
) -> None:
    listener.answers = [(401, {})]
    said = push(clone, "main")
    again = next(line for line in said.splitlines() if "hooks/post-receive" in line)
    listener.answers = [(202, {"flow_id": "f3"})]

    command = again.partition("then: ")[2].strip()
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)

    assert "penstock: flow f3" in done.stdout


def test_without_a_stack_the_hook_gives_up_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "PATIENCE", 0.1)
    monkeypatch.setattr(hook, "RETRY_AFTER", 0.01)

    with pytest.raises(hook.NotDeliveredError, match="does not answer"):
        hook.tell(tmp_path / "stack.json", {})
