"""The post-receive hook, run by real git on a real push, against a listener in this process."""

import io
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from penstock.embedded import EmbeddedError, Report, Stack, hook
from penstock.embedded.home import Home
from penstock.embedded.pushes import redeliver_pushes_since
from penstock.embedded.registrations import refresh_repositories
from penstock.embedded.repository import ensure_repository, local_repositories
from penstock_shared.contracts.change import Forge
from penstock_shared.contracts.registry import ListRepositories
from penstock_shared.github import NO_COMMIT, signature_of
from tests.unit.build_service.registered import FakeRegistry
from tests.unit.penstock.test_stack_file import STACK

AUTHOR = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")


@dataclass
class Listener:
    """Answers webhooks from a list, and repeats the last answer."""

    answers: list[tuple[int, dict[str, Any]]]
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    registry: FakeRegistry = field(default_factory=FakeRegistry)

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
            if self.path.endswith("-repositories/invocations"):
                status, answer = 200, listener.registry.invoke(json.loads(body))
            elif "x-amz-target" in headers:
                status, answer = 200, listener.registry.secret(json.loads(body)["SecretId"])
            else:
                status, answer = listener.take(body, headers)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_request(self, *_args: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        home = Home(tmp_path / "home")
        home.make()
        address = f"http://127.0.0.1:{server.server_port}"
        repositories = [
            {**STACK.repositories[0], "name": name, "webhook_url": f"{address}/webhook/1"}
            for name in ("shop", "acme/shop")
        ]
        stack = replace(STACK, endpoint_url=address, webhook_url=f"{address}/webhook")
        replace(stack, repositories=repositories, page_url=f"{address}/").save(home.stack_file)
        yield home
        server.shutdown()


@pytest.fixture
def clone(tmp_path: Path, home: Home) -> Path:
    folder = tmp_path / "clone"
    git("init", "--quiet", "--initial-branch=main", str(folder))
    git("-C", str(folder), "remote", "add", "origin", ensure_repository(home, "shop"))
    commit(folder, "First")
    return folder


def registered(listener: Listener) -> list[str]:
    """The names of the repositories that were registered."""
    return [one.full_name for one in listener.registry.ask(ListRepositories()).repositories]


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

    headers = listener.headers[0]
    expected = signature_of(STACK.repositories[0]["webhook_secret"], listener.bodies[0])
    assert headers["x-hub-signature-256"] == expected
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
    assert (told["deleted"], told["after"], told["head_commit"]) == (True, NO_COMMIT, None)
    assert "penstock: there is nothing to build" in said


def test_a_stack_that_is_just_restarting_is_waited_for(clone: Path, listener: Listener) -> None:
    listener.answers = [(503, {}), (404, {}), (202, {"flow_id": "f2"})]

    assert "flow f2" in push(clone, "main")
    assert len({headers["x-github-delivery"] for headers in listener.headers}) == 1


def test_a_refusal_is_shown_and_the_push_stands(clone: Path, listener: Listener) -> None:
    listener.answers = [(403, {"error": "it is another repository"})]

    said = push(clone, "main")

    assert "the webhook answered 403" in said
    assert "it is another repository" in said
    assert git("-C", str(clone), "ls-remote", "origin", "main") != ""


def test_the_hook_says_how_to_tell_the_push_again(
    clone: Path, home: Home, listener: Listener
) -> None:
    listener.answers = [(403, {})]
    said = push(clone, "main")
    again = next(line for line in said.splitlines() if "hooks/post-receive" in line)
    listener.answers = [(202, {"flow_id": "f3"})]

    command = again.partition("then: ")[2].strip()
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)

    assert "penstock: flow f3" in done.stdout


def test_without_a_stack_the_hook_gives_up_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "RETRY_AFTER", 0.01)

    with pytest.raises(hook.NotDeliveredError, match="does not answer"):
        hook.tell(
            tmp_path / "stack.json", {"repository": {"full_name": "x"}}, time.monotonic() + 0.1
        )


def test_a_push_that_was_told_before_names_the_way_to_run_it_again(
    clone: Path, listener: Listener
) -> None:
    listener.answers = [(202, {"flow_id": "0123456789abcdef0123", "status": "already started"})]

    said = push(clone, "main")

    assert "0123456789abcdef0123 already started. To run it again: penstock retry 01234567" in said


def test_a_flow_that_was_aborted_before_its_push_says_by_whom(
    clone: Path, listener: Listener
) -> None:
    status = {"status": "stopped before it began", "reason": "not today (by grace)"}
    listener.answers = [(202, {"flow_id": "f1", **status})]

    assert "stopped before it began: not today (by grace). To run it" in push(clone, "main")


@pytest.mark.parametrize("name", ["main\u2028x", "it's", "a\u0085b", "weiß"])
def test_a_branch_keeps_its_whole_name(clone: Path, listener: Listener, name: str) -> None:
    push(clone, f"main:refs/heads/{name}")

    assert json.loads(listener.bodies[0])["ref"] == f"refs/heads/{name}"


def test_a_branch_whose_name_is_no_text_is_named(clone: Path, listener: Listener) -> None:
    folder = os.fsencode(clone)
    command = [b"git", b"-C", folder, b"push", b"origin", b"main:refs/heads/\xff"]
    done = subprocess.run(command, capture_output=True, check=True)

    assert b"started no flow: its name is not UTF-8" in done.stderr
    assert listener.bodies == []


def test_a_message_that_is_not_utf_8_is_told_as_far_as_it_is(
    clone: Path, listener: Listener
) -> None:
    # `git commit` would convert the message; other tools write any bytes.
    first = subprocess.run(
        ["git", "-C", str(clone), "cat-file", "commit", "HEAD"], capture_output=True, check=True
    )
    store = ["git", "-C", str(clone), "hash-object", "-t", "commit", "-w", "--stdin"]
    raw = first.stdout.replace(b"First", b"caf\xe9")
    sha = subprocess.run(store, input=raw, capture_output=True, check=True).stdout.decode().strip()
    push(clone, f"{sha}:refs/heads/main")

    assert json.loads(listener.bodies[0])["head_commit"]["message"] == "caf\ufffd"


def test_what_a_pusher_asks_of_git_log_is_not_in_the_payload(
    clone: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"log.showSignature": "true", "color.ui": "always", "format.pretty": "oneline"}
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(asked)))
    for number, (key, value) in enumerate(asked.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    push(clone, "main")

    assert json.loads(listener.bodies[0])["head_commit"]["message"] == "First"


def test_a_stack_that_is_gone_is_waited_for_once_and_not_for_every_ref(
    clone: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[float] = []

    def nobody(_file: Path, _payload: dict[str, Any], deadline: float) -> str:
        calls.append(deadline)
        raise hook.NotDeliveredError("the stack does not answer")

    sha = git("-C", str(clone), "rev-parse", "HEAD").strip()
    lines = b"".join(b"%s %s refs/heads/%d\n" % (b"0" * 40, sha.encode(), n) for n in range(3))
    monkeypatch.setattr(hook, "tell", nobody)
    monkeypatch.setattr("sys.argv", ["hook.py", str(home.stack_file)])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))
    monkeypatch.setenv("GIT_DIR", str(clone / ".git"))

    hook.main()

    assert len(calls) == 3
    assert len(set(calls)) == 1


def test_owner_and_name_are_the_repositorys_name(
    home: Home, clone: Path, listener: Listener
) -> None:
    git("-C", str(clone), "push", "--quiet", ensure_repository(home, "acme/shop"), "main")

    assert json.loads(listener.bodies[0])["repository"]["full_name"] == "acme/shop"
    assert list(local_repositories(home)) == ["acme/shop", "shop"]


@pytest.mark.parametrize(
    "name", ["../../..", "/tmp/shop", "a/b/c", "", "a b", "-x", "shop.git", "a/..", ".shop", "a/"]
)
def test_a_name_that_is_none_is_refused(home: Home, name: str) -> None:
    with pytest.raises(EmbeddedError, match="no name of a repository"):
        ensure_repository(home, name)


def test_pushes_that_may_be_forgotten_are_told_again_in_their_order(
    home: Home, clone: Path, listener: Listener
) -> None:
    first = git("-C", str(clone), "rev-parse", "HEAD").strip()
    push(clone, "main")
    second = commit(clone, "Second")
    push(clone, "main", "main:side/branch")
    told = {change_in(body) for body in listener.bodies}
    listener.bodies.clear()

    redeliver_pushes_since(home, time.time() - 60, Report())

    again = [change_in(body) for body in listener.bodies]
    assert set(again) == told
    assert [one for one in again if one[0] == "refs/heads/main"] == [
        ("refs/heads/main", NO_COMMIT, first),
        ("refs/heads/main", first, second),
    ]


def test_a_push_that_was_taken_back_is_not_told_again(
    home: Home, clone: Path, listener: Listener
) -> None:
    first = git("-C", str(clone), "rev-parse", "HEAD").strip()
    push(clone, "main")
    second = commit(clone, "Second")
    push(clone, "main")
    push(clone, "--force", f"{first}:refs/heads/main")
    listener.bodies.clear()

    redeliver_pushes_since(home, time.time() - 60, Report())

    assert [change_in(body) for body in listener.bodies] == [
        ("refs/heads/main", NO_COMMIT, first),
        ("refs/heads/main", second, first),
    ]


def change_in(body: bytes) -> tuple[str, str, str]:
    """The ref and the two commits in a webhook."""
    event = json.loads(body)
    return event["ref"], event["before"], event["after"]


def test_pushes_of_long_ago_are_not_told_again(home: Home, clone: Path, listener: Listener) -> None:
    push(clone, "main")
    listener.bodies.clear()

    redeliver_pushes_since(home, time.time() + 60, Report())

    assert listener.bodies == []


def test_the_first_push_to_a_repository_registers_it(
    clone: Path, home: Home, listener: Listener
) -> None:
    git("-C", str(clone), "push", "--quiet", ensure_repository(home, "fresh"), "main")

    assert registered(listener) == ["fresh"]
    assert json.loads(listener.bodies[0])["repository"]["full_name"] == "fresh"


@pytest.mark.parametrize("status", [401, 404])
def test_a_repository_that_the_stack_knows_otherwise_is_asked_for_once(
    clone: Path, listener: Listener, status: int
) -> None:
    listener.answers = [(status, {"error": "no"}), (202, {"flow_id": "f4"})]

    assert "penstock: flow f4" in push(clone, "main")
    assert registered(listener) == ["shop"]


def test_a_repository_that_stays_unknown_is_told_and_the_push_stands(
    clone: Path, listener: Listener
) -> None:
    listener.answers = [(404, {"error": "no repository has this webhook address"})]

    said = push(clone, "main")

    assert "the webhook answered 404" in said
    assert "no repository has this webhook address" in said
    assert registered(listener) == ["shop"]


def test_a_push_does_not_take_over_a_name_that_somebody_registered(
    home: Home, clone: Path, listener: Listener
) -> None:
    """The attack: the push replaced the clone address, so that the name ran what was pushed."""
    address = "https://git.example/shop.git"
    listener.registry.add(forge=Forge.GIT, full_name="shop", clone_url=address)
    stack = Stack.load(home.folder)
    theirs = {**stack.repositories[0], "git_url": address}
    replace(stack, repositories=[theirs]).save(home.stack_file)

    said = push(clone, "main")

    assert f"shop is registered with another address, {address}: push to another name" in said
    assert "penstock repo remove shop" in said
    (kept,) = listener.registry.ask(ListRepositories()).repositories
    assert kept.clone_url == address
    assert listener.bodies == []


def test_a_repository_of_a_home_that_has_moved_keeps_its_name(
    home: Home, clone: Path, listener: Listener
) -> None:
    before = "file:///srv/an/earlier/home/git/shop.git"
    listener.registry.add(forge=Forge.GIT, full_name="shop", clone_url=before)

    refresh_repositories(home)

    (kept,) = listener.registry.ask(ListRepositories()).repositories
    assert kept.clone_url == (home.repositories / "shop.git").as_uri()
