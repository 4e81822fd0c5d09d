"""Servers that stand in for the APIs of forges, and check each call as the forge's documents say.

A call that is not as documented is answered as the forge would answer it, and is a violation: tests
assert that there is none. Sources of the bodies are the addresses in
`answers_service.adapters.forges`.
"""

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import jsonschema

from penstock_shared.contracts.change import Forge
from tests.support.servers import http_server

REPOSITORY = "acme/shop"
TOKEN = "wr1te-t0ken"  # of these tests
_TEXT = {"type": "string", "minLength": 1}
_ADDRESS = {"type": "string", "pattern": "^https?://"}


def _object(**properties: Any) -> dict[str, Any]:
    """A body that has all of these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@dataclass(frozen=True)
class Dialect:
    """How one forge is spoken to. Paths are patterns; `{}` in a path stands for the repository."""

    prefix: str
    repository: str
    auth: tuple[str, str]
    status: str
    status_body: Mapping[str, Any]
    status_name: str
    comments: str
    comment: str
    change: str
    comment_body: Mapping[str, Any]
    text_of: Callable[[Mapping[str, Any]], str]
    listed: Callable[[list[dict[str, Any]]], Any] = lambda found: found
    body_of: Callable[[str], dict[str, Any]] = lambda text: {"body": text}
    states: frozenset[str] = frozenset()
    refuses_same_state: bool = False


_GITHUB_STATUS = _object(
    state={"enum": ["error", "failure", "pending", "success"]},
    target_url=_ADDRESS,
    description={"type": "string", "maxLength": 140},
    context=_TEXT,
)
_BODY = _object(body={"type": "string", "minLength": 1, "maxLength": 65_536})

DIALECTS: Mapping[Forge, Dialect] = {
    Forge.GITHUB: Dialect(
        prefix="",
        repository="/repos/acme/shop",
        auth=("Authorization", f"Bearer {TOKEN}"),
        status="/statuses/([0-9a-f]{40})",
        status_body=_GITHUB_STATUS,
        status_name="context",
        comments="/issues/[0-9]+/comments",
        comment="/issues/comments/([0-9]+)",
        change="PATCH",
        comment_body=_BODY,
        text_of=lambda body: str(body["body"]),
    ),
    Forge.GITEA: Dialect(
        prefix="/api/v1",
        repository="/repos/acme/shop",
        auth=("Authorization", f"token {TOKEN}"),
        status="/statuses/([0-9a-f]{40})",
        status_body=_GITHUB_STATUS,
        status_name="context",
        comments="/issues/[0-9]+/comments",
        comment="/issues/comments/([0-9]+)",
        change="PATCH",
        comment_body=_BODY,
        text_of=lambda body: str(body["body"]),
    ),
    Forge.GITLAB: Dialect(
        prefix="/api/v4",
        repository="/projects/acme%2Fshop",
        auth=("PRIVATE-TOKEN", TOKEN),
        status="/statuses/([0-9a-f]{40})",
        status_body=_object(
            state={"enum": ["pending", "running", "success", "failed", "canceled", "skipped"]},
            name={"type": "string", "minLength": 1, "maxLength": 255},
            target_url={**_ADDRESS, "maxLength": 255},
            description={"type": "string", "maxLength": 255},
            ref=_TEXT,
        ),
        status_name="name",
        comments="/merge_requests/[0-9]+/notes",
        comment="/merge_requests/[0-9]+/notes/([0-9]+)",
        change="PUT",
        comment_body=_object(body={"type": "string", "minLength": 1, "maxLength": 1_000_000}),
        text_of=lambda body: str(body["body"]),
        refuses_same_state=True,
    ),
    Forge.BITBUCKET: Dialect(
        prefix="/2.0",
        repository="/repositories/acme/shop",
        auth=("Authorization", f"Bearer {TOKEN}"),
        status="/commit/([0-9a-f]{40})/statuses/build",
        status_body=_object(
            key={"type": "string", "minLength": 1, "maxLength": 40},
            name=_TEXT,
            state={"enum": ["SUCCESSFUL", "FAILED", "INPROGRESS", "STOPPED"]},
            description={"type": "string", "maxLength": 255},
            url=_ADDRESS,
        ),
        status_name="name",
        comments="/pullrequests/[0-9]+/comments",
        comment="/pullrequests/[0-9]+/comments/([0-9]+)",
        change="PUT",
        comment_body=_object(content=_object(raw={"type": "string", "minLength": 1})),
        text_of=lambda body: str(body["content"]["raw"]),
        listed=lambda found: {"pagelen": 100, "size": len(found), "values": found},
        body_of=lambda text: {"content": {"raw": text}},
    ),
}


@dataclass(frozen=True)
class Canned:
    """What the forge answers next, whatever it is asked. `seconds` is how long that takes."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"message": "no"}'
    seconds: float = 0.0


@dataclass
class StandIn:
    """A forge that shows what it is told. `url` is the address of its API."""

    forge: Forge
    dialect: Dialect
    url: str = ""
    calls: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    statuses: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    comments: dict[str, str] = field(default_factory=dict)
    canned: deque[Canned] = field(default_factory=deque)

    def forget(self) -> None:
        """Be as at the beginning, at the same address."""
        kept = (self.calls, self.violations, self.statuses, self.comments, self.canned)
        for each in kept:
            each.clear()

    def history(self, name: str) -> list[str]:
        """The states that were shown under a name, in order."""
        key = self.dialect.status_name
        return [body["state"] for _, body in self.statuses if body[key] == name]

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer to a call."""
        self.calls.append(f"{method} {path}")
        if self.canned:
            canned = self.canned.popleft()
            time.sleep(canned.seconds)
            return canned.status, canned.headers, canned.body
        status, said = self._answer(method, path, headers, body)
        return status, {"Content-Type": "application/json"}, json.dumps(said).encode()

    def _answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Any]:
        name, value = self.dialect.auth
        if headers.get(name) != value:
            return 401, {"message": "Bad credentials"}
        if not headers.get("User-Agent"):
            return self._violated(403, "GitHub refuses calls without User-Agent")
        begins = self.dialect.prefix + self.dialect.repository
        if not path.startswith(begins):
            return 404, {"message": "Not Found"}
        return self._of_repository(method, urlsplit(path[len(begins) :]).path, body)

    def _of_repository(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        dialect = self.dialect
        if method == "POST" and (found := re.fullmatch(dialect.status, path)):
            return self._with(dialect.status_body, body, partial(self._status, found[1]))
        if re.fullmatch(dialect.comments, path) and method == "GET":
            listed = [{"id": int(n), **dialect.body_of(text)} for n, text in self.comments.items()]
            return 200, dialect.listed(listed)
        if re.fullmatch(dialect.comments, path) and method == "POST":
            return self._with(dialect.comment_body, body, self._commented)
        if method == dialect.change and (found := re.fullmatch(dialect.comment, path)):
            return self._with(dialect.comment_body, body, partial(self._changed, found[1]))
        return self._violated(404, f"{self.forge} has no {method} {path}")

    def _with(
        self, schema: Mapping[str, Any], body: bytes, do: Callable[[Any], tuple[int, Any]]
    ) -> tuple[int, Any]:
        try:
            said = json.loads(body)
            jsonschema.validate(said, schema)
        except (ValueError, jsonschema.ValidationError) as error:
            return self._violated(422, str(error))
        return do(said)

    def _status(self, sha: str, said: dict[str, Any]) -> tuple[int, Any]:
        before = self.history(said[self.dialect.status_name])
        if self.dialect.refuses_same_state and before[-1:] == [said["state"]]:
            event = {"running": "run"}.get(said["state"], said["state"])
            message = f"Cannot transition status via :{event} from :{said['state']}"
            return 400, {"message": message}
        self.statuses.append((sha, said))
        return 201, {"id": len(self.statuses), **said}

    def _commented(self, said: dict[str, Any]) -> tuple[int, Any]:
        number = str(len(self.calls) + 100)
        self.comments[number] = self.dialect.text_of(said)
        return 201, {"id": int(number), **said}

    def _changed(self, number: str, said: dict[str, Any]) -> tuple[int, Any]:
        if number not in self.comments:
            return 404, {"message": "Not Found"}
        self.comments[number] = self.dialect.text_of(said)
        return 200, {"id": int(number), **said}

    def _violated(self, status: int, why: str) -> tuple[int, Any]:
        self.violations.append(why)
        return status, {"message": why}


@contextmanager
def forge_stand_in(forge: Forge) -> Iterator[StandIn]:
    """A forge on loopback that runs within the context."""
    standing = StandIn(forge, DIALECTS[forge])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            headers = dict(self.headers.items())
            status, more, said = standing.answer(self.command, self.path, headers, body)
            if not status:  # it hangs up
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {**more, "Content-Length": str(len(said))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815  # names of http.server

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    with http_server(Handler) as address:
        standing.url = address + standing.dialect.prefix
        yield standing
