"""Whatever is delivered to the webhook, it answers: in words, below 500, and within a second.

The attack: deliveries of every broken kind, signed and not. Some were tried five times, became dead
letters, or were answered with a trace (row M2 of the threat model).

500 mutants are sent, shared by the forges, or as many as `PENSTOCK_MUTANTS` says. The seed makes
the same ones each time.
"""

import base64
import json
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from build_service import bootstrap
from build_service.handlers import webhook
from penstock_shared.github import NO_COMMIT
from tests.security.hostile import HOSTILE, what_acts_in
from tests.support import forges
from tests.support.builders import BEFORE, SHA
from tests.support.forges import Head, Message, StandIn, sent
from tests.support.forges.bitbucket import BitbucketStandIn
from tests.support.forges.gitea import GiteaStandIn
from tests.support.forges.github import GitHubStandIn
from tests.support.forges.gitlab import GitLabStandIn, SigningGitLabStandIn
from tests.unit.build_service.registered import FakeEntrance, FakeRegistry

SEED = 20261124
COUNT = int(os.environ.get("PENSTOCK_MUTANTS", "500"))
SIGNING, OTHER = f"whsec_{'a' * 43}=", f"whsec_{'b' * 43}="
HURDLES = {202, 400, 401, 403, 404, 422}
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 10**400, 1e308, float("nan"), "", " ", "\0", "\ud800", "x" * 5_000,
    "é" * 300, [], {}, [[]], [None] * 300, {"": {"": ""}}, NO_COMMIT, SHA.upper(), SHA[:-1],
    "refs/heads/", "refs/tags/v1", "refs/heads/../../x", "file:///etc/passwd", "../../x",
    "http://169.254.169.254/latest", "acme/shop\n", "ACME/SHOP", *HOSTILE.values(),
)  # fmt: skip
PIECES = (
    b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"[" * 100_000, b'{"a":' * 50_000, b'"',
    b"\\", b"\\ud800", b"}", b"NaN", b"1e999999", b"9" * 5_000, b'"ref":1,', b"\n\n", b"payload=",
)  # fmt: skip


STAND_INS: dict[str, StandIn] = {
    "github": GitHubStandIn(),
    "gitlab": GitLabStandIn(),
    "gitlab that signs": SigningGitLabStandIn(),
    "gitea": GiteaStandIn(),
    "bitbucket": BitbucketStandIn(),
}


class Mutants:
    """Deliveries that begin as a good one of a forge."""

    def __init__(self, seed: int, repository: str, sender: StandIn) -> None:
        self.chance = random.Random(seed)
        self.repository = repository
        self.sender = sender

    def event(self) -> dict[str, Any]:
        """One event of the HTTP API (payload 2.0)."""
        message = self.message()
        body = self.body(message)
        signed_with = self.chance.choice([SIGNING, SIGNING, SIGNING, OTHER, "whsec_"])
        headers = self.headers(sent(self.sender, signed_with, Written(message.event, body)).headers)
        event: dict[str, Any] = {"headers": headers, **self.encoded(body)}
        event["pathParameters"] = self.chance.choice(
            [*[{"repository": self.repository}] * 9, {"repository": self.text()}, {}, None]
        )
        return event

    def message(self) -> Message:
        other = replace(self.sender, repository="acme/other")
        sender = self.chance.choice([self.sender] * 9 + [other])
        if self.chance.random() < 0.5:
            return sender.push("refs/heads/main", BEFORE, SHA, "Sell more")
        what = self.chance.choice([forges.OPENED, forges.PUSHED, forges.CLOSED, forges.DRAFTED])
        fork = self.chance.choice(["", "mallory/shop"])
        return sender.pull_request(what, self.chance.randint(1, 5), Head(fork=fork))

    def body(self, message: Message) -> bytes:
        payload = message.payload
        for _ in range(self.chance.randint(0, 3)):
            payload = self.changed(payload)
        written = json.dumps(payload).encode()
        for _ in range(self.chance.choice([0, 0, 1, 3])):
            written = self.spoilt(written)
        return written

    def changed(self, value: Any) -> Any:
        """The value with one of its parts replaced, removed or added."""
        if not isinstance(value, dict) or not value or self.chance.random() < 0.1:
            return self.chance.choice(VALUES)
        key = self.chance.choice(list(value))
        kind = self.chance.random()
        if kind < 0.15:
            return {name: part for name, part in value.items() if name != key}
        if kind < 0.25:
            return {**value, self.text(): self.chance.choice(VALUES)}
        return {**value, key: self.changed(value[key])}

    def spoilt(self, written: bytes) -> bytes:
        at = self.chance.randrange(len(written) + 1)
        kind = self.chance.randrange(4)
        if kind == 0:
            return written[:at]
        if kind == 1:
            return written[:at] + self.chance.choice(PIECES) + written[at:]
        if kind == 2:
            return written[:at] + bytes([self.chance.randrange(256)]) + written[at + 1 :]
        return written[:at] + written[max(0, at - 50) :]

    def headers(self, good: Mapping[str, str]) -> Any:
        headers = dict(good)
        if self.chance.random() < 0.05:
            return None
        if self.chance.random() < 0.2:
            headers.pop(self.chance.choice(list(headers)))
        if self.chance.random() < 0.2:
            headers[self.chance.choice(list(headers))] = self.text()
        return headers

    def encoded(self, body: bytes) -> dict[str, Any]:
        kind = self.chance.random()
        if kind < 0.1:
            return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
        if kind < 0.15:
            return {"body": body.decode("latin-1"), "isBase64Encoded": True}
        if kind < 0.2:
            return {"body": None}
        return {"body": body.decode(errors="surrogateescape")}

    def text(self) -> str:
        return str(self.chance.choice(VALUES))


@dataclass(frozen=True)
class Written(Message):
    """A message whose payload is text already."""

    @property
    def body(self) -> bytes:
        """The payload."""
        return bytes(self.payload)


@pytest.fixture(params=STAND_INS)
def mutants(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Mutants:
    """Mutants of a registered repository's deliveries, which the real handler receives."""
    sender = STAND_INS[request.param]
    registry = FakeRegistry(to_make=[SIGNING])
    known = registry.add(forge=sender.forge)
    receive = FakeEntrance(registry).receive
    monkeypatch.setattr(bootstrap, "receive_push", lambda: receive)
    return Mutants(SEED, known.id, sender)


def test_every_mutant_is_answered_in_words_and_soon(mutants: Mutants) -> None:
    count = COUNT // len(STAND_INS)
    statuses: dict[int, int] = {}
    for number in range(count):
        event = mutants.event()
        begun = time.perf_counter()
        answer = webhook.handler(event, None)
        took = time.perf_counter() - begun
        shown = f"mutant {number} of seed {SEED}: {answer['statusCode']} {answer['body'][:200]}"
        assert answer["statusCode"] in HURDLES, shown
        assert took < 1, f"{shown} took {took:.1f} s"
        assert "Traceback" not in answer["body"], shown
        assert what_acts_in(answer["body"]) == [], shown
        said = json.loads(answer["body"])
        told = said.get("changes") or [said]
        assert all(one.keys() & {"error", "flow_id", "reason"} for one in told), shown
        statuses[answer["statusCode"]] = statuses.get(answer["statusCode"], 0) + 1
    # The mutants get as far as they should: some start flows, some fail at each hurdle.
    assert min(statuses.get(status, 0) for status in sorted(HURDLES)) > count / 200
