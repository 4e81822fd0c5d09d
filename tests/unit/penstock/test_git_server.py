"""The server to push to, asked by real git and by others."""

import http.client
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.embedded.git_server import GitServer
from penstock.embedded.repository import local_repositories
from tests.support.git import NOBODY, WorkTree
from tests.support.git_server import served

RECEIVE = "info/refs?service=git-receive-pack"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with served(tmp_path / "home") as server:
        yield server


def url_of(server: GitServer, login: str | None = None) -> str:
    return f"http://{login or server.home.git_login()}@127.0.0.1:{server.server_address[1]}"


def answer(server: GitServer, path: str, **headers: str) -> tuple[int, str]:
    """Status and body of the answer to a request without git."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers=named)
        found = connection.getresponse()
        return found.status, found.read().decode()
    finally:
        connection.close()


def with_key(server: GitServer) -> str:
    from base64 import b64encode

    return f"Basic {b64encode(server.home.git_login().encode()).decode()}"


@pytest.mark.parametrize(
    ("path", "name"),
    [("shop.git", "shop"), ("shop", "shop"), ("ada/shop.git", "ada/shop"), ("/shop.git", "shop")],
)
def test_the_first_push_to_a_name_makes_its_repository(
    server: GitServer, tmp_path: Path, path: str, name: str
) -> None:
    work = WorkTree.create(tmp_path / "clone", f"{url_of(server)}/{path}")
    sha = work.commit({"a": "a"})

    work.push()

    assert list(local_repositories(server.home)) == [name]
    assert work.git("ls-remote", "origin", "refs/heads/main").split()[0] == sha


def test_what_the_hook_prints_is_seen_by_the_pusher(server: GitServer, tmp_path: Path) -> None:
    work = WorkTree.create(tmp_path / "clone", f"{url_of(server)}/shop.git")
    work.commit({"a": "a"})
    work.push()
    hook = local_repositories(server.home)["shop"] / "hooks" / "post-receive"
    hook.write_text("#!/bin/sh\necho penstock: flow 1 of $REMOTE_USER\n")
    work.commit({"a": "b"})

    assert "remote: penstock: flow 1 of" in work.push()


def test_a_push_of_more_than_git_sends_at_once_arrives_whole(
    server: GitServer, tmp_path: Path
) -> None:
    work = WorkTree.create(tmp_path / "clone", f"{url_of(server)}/large.git")
    work.folder.joinpath("noise").write_bytes(os.urandom(3_000_000))
    sha = work.commit({})

    work.push()

    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "--quiet", work.remote, str(copy)], env=NOBODY, check=True)
    assert (copy / "noise").read_bytes() == (work.folder / "noise").read_bytes()
    assert work.git("ls-remote", "origin", "main").split()[0] == sha


@pytest.mark.parametrize("name", ["a/b/c", "-x", "x.lock", "a b", "..", "%2e%2e/%2e%2e/x"])
def test_a_name_that_is_none_makes_nothing_and_is_told(server: GitServer, name: str) -> None:
    path = f"/{name.replace(' ', '%20')}.git/{RECEIVE}"
    status, said = answer(server, path, Authorization=with_key(server))

    assert status == 404
    assert "is no name of a repository" in said
    assert local_repositories(server.home) == {}


def test_fetching_makes_no_repository(server: GitServer) -> None:
    path = "/shop.git/info/refs?service=git-upload-pack"
    status, said = answer(server, path, Authorization=with_key(server))

    assert (status, said) == (404, "penstock: there is no repository shop here; a push makes it\n")


@pytest.mark.parametrize("path", ["/", "/shop.git/HEAD", "/shop.git/config", "/info/refs"])
def test_nothing_but_pushing_and_fetching_is_answered(server: GitServer, path: str) -> None:
    assert answer(server, path, Authorization=with_key(server))[0] == 404
