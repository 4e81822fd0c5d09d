"""The embedded stack's git server: it runs what is pushed, so a push is as good as a shell.

A web page, or another user of the machine, makes the requests of a first push. Without these checks
each made a repository, and a push to it ran its commands as the developer.
"""

import http.client
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.embedded.git_server import GitServer
from penstock.embedded.repository import local_repositories
from tests.support.git_server import served

PUSH = "/shop.git/info/refs?service=git-receive-pack"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with served(tmp_path / "home") as server:
        yield server


def status_of(server: GitServer, login: str | None, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    known = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"} if login else {}
    try:
        connection.request("GET", PUSH, headers={**known, **headers})
        return connection.getresponse().status
    finally:
        connection.close()


def test_git_with_the_key_may_push(server: GitServer) -> None:
    assert status_of(server, server.home.git_login(), {}) == 200
    assert list(local_repositories(server.home)) == ["shop"]


@pytest.mark.parametrize("login", [None, "penstock:", "penstock:guess", "root:guess", "é:é"])
def test_who_does_not_know_the_key_makes_nothing(server: GitServer, login: str | None) -> None:
    assert status_of(server, login, {}) == 401
    assert local_repositories(server.home) == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Mode": "no-cors"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.nip.example:80"},
        {"Host": "127.0.0.1"},
    ],
    ids=str,
)
def test_a_web_page_makes_nothing_though_its_browser_knows_the_key(
    server: GitServer, headers: dict[str, str]
) -> None:
    assert status_of(server, server.home.git_login(), headers) == 403
    assert local_repositories(server.home) == {}


def test_the_key_is_its_owner_s_alone(server: GitServer) -> None:
    server.home.git_login()
    assert (server.home.folder / "git-key").stat().st_mode & 0o077 == 0
    assert server.home.folder.stat().st_mode & 0o077 == 0
