"""M1 and M2: a server that source is fetched from is a stranger."""

import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from build_service.adapters import git_client
from build_service.adapters.git import GitSourceRepository
from build_service.adapters.network import any_address, public_address
from build_service.domain.errors import SourceError, SourceUnavailableError
from tests.support.builders import a_change
from tests.support.servers import http_server

REFS = "application/x-git-upload-pack-advertisement"


def answering(status: int, body: bytes = b"", **headers: str) -> type[BaseHTTPRequestHandler]:
    class Answers(BaseHTTPRequestHandler):
        asked: list[str] = []

        def do_GET(self) -> None:
            self.asked.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Answers


def packet(content: bytes) -> bytes:
    """https://git-scm.com/docs/gitprotocol-common"""
    return b"%04x" % (len(content) + 4) + content


def why_not(url: str, resolve: Any = any_address) -> str:
    """Why a commit cannot be fetched from there."""
    with pytest.raises(SourceError) as raised:
        GitSourceRepository(("http", "https"), resolve).fetch(a_change(clone_url=f"{url}/shop.git"))
    return str(raised.value)


def test_a_redirect_is_an_error_and_not_a_way() -> None:
    """The clone server redirected to http://127.0.0.1: the fetch asked there, and the answer's text
    ended up in the log.
    """
    inside = answering(200, b"the secret", Content_Type=REFS)
    with http_server(inside) as target:
        outside = answering(302, Location=f"{target}/shop.git/info/refs?service=git-upload-pack")
        with http_server(outside) as url:
            reason = why_not(url)

    assert "the server redirects to another address" in reason
    assert target not in reason
    assert inside.asked == []  # type: ignore[attr-defined]  # see above
    assert len(outside.asked) == 1  # type: ignore[attr-defined]  # see above


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00:ec2::254",
        "::ffff:127.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_a_name_that_stands_for_a_private_place_is_refused_on_aws(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone address, or a name that its owner points there, named what only the function can
    reach: metadata services and neighbours.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(family, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)

    reason = why_not("https://git.example.com", public_address)

    assert f"git.example.com is at {address}, which is no public address" in reason


def test_one_private_address_among_public_ones_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))
        for address in ("8.8.8.8", "127.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)

    with pytest.raises(SourceError, match=r"is at 127\.0\.0\.1"):
        public_address("git.example.com", 443)


def test_a_name_that_changes_its_meaning_after_it_was_judged_changes_nothing() -> None:
    """The connection goes to the address that was judged: the name is not looked up again."""
    server = answering(404)
    judged: list[str] = []

    def judge(host: str, port: int) -> list[str]:
        judged.append(host)
        return ["127.0.0.1"]

    with http_server(server) as url:
        port = url.rpartition(":")[2]
        reason = why_not(f"http://nowhere.invalid:{port}", judge)

    assert "there is no git repository" in reason
    assert judged == ["nowhere.invalid"]


@pytest.mark.parametrize("url", ["https://host.invalid:99999", "https://host.invalid:port"])
def test_an_address_that_cannot_be_read_never_becomes_another_protocol(url: str) -> None:
    """The port was nonsense, so that the client fell through to ssh."""
    assert "cannot be read" in why_not(url)


def test_a_server_s_words_are_quoted_as_short_text() -> None:
    body = b"ERR \x1b]0;owned\x07\r\n" + b"x" * 900
    server = answering(200, packet(body), Content_Type=REFS)
    refused = pytest.raises((SourceError, SourceUnavailableError))
    with http_server(server) as url, refused as raised:
        GitSourceRepository(("http",), any_address).fetch(a_change(clone_url=f"{url}/a.git"))

    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 400


def test_an_answer_that_is_not_git_s_is_not_read_as_one() -> None:
    """dulwich would go on with the protocol for servers that know nothing of git."""
    plain = answering(200, b"ref: refs/heads/main", Content_Type="text/plain")
    with http_server(plain) as url:
        assert "answer is not git's" in why_not(url)

    assert len(plain.asked) == 1  # type: ignore[attr-defined]  # see above


class Endless(BaseHTTPRequestHandler):
    """Sends refs for ever."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", REFS)
        self.end_headers()
        try:
            for piece in self.pieces():
                self.wfile.write(piece)
        except OSError:
            return

    def pieces(self) -> Iterator[bytes]:
        yield packet(b"# service=git-upload-pack\n") + b"0000"
        while True:
            yield packet(b"a" * 40 + b" refs/heads/main\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_server_that_never_stops_talking_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_client, "MOST_SECONDS", 0.3)
    began = time.monotonic()

    with http_server(Endless) as url, pytest.raises(SourceUnavailableError, match="longer than"):
        GitSourceRepository(("http",), any_address).fetch(a_change(clone_url=f"{url}/shop.git"))

    assert time.monotonic() - began < 5


def test_more_bytes_than_may_be_fetched_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from build_service.adapters import git

    monkeypatch.setattr(git, "MOST_BYTES", 100_000)
    with http_server(Endless) as url:
        assert "more bytes than may be fetched" in why_not(url)
