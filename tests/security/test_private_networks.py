"""Code of strangers scans the network that its runner is in.

The attack: a pull request from a fork asked for http://10.0.0.1/ in its build command, and reached
whatever answered in the private network of the runner's machine: databases, consoles, other jobs.
"""

import asyncio
import socket
from functools import partial

import pytest

from penstock_runner.sandbox.addresses import is_refused
from penstock_runner.sandbox.gateway import Gateway

PRIVATE = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "240.0.0.1",
    "fd12:3456::1",
    "fec0::1",
    "::ffff:10.0.0.1",
    "::10.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::a00:1",
    "2002:a00:1::",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "fd00:ec2::254",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_refused_by_any_spelling(address: str) -> None:
    assert is_refused(address, public_only=True)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1", "64:ff9b::808:808"])
def test_strangers_reach_the_internet(address: str) -> None:
    assert not is_refused(address, public_only=True)


def answer_of(gateway: Gateway, request: str) -> str:
    """The first line and the body that the proxy of a job answers."""

    async def ask() -> bytes:
        server = await asyncio.start_server(partial(gateway.proxy, 1), "127.0.0.1")
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(f"{request}\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        server.close()
        return answer

    return asyncio.run(ask()).decode()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("request_line", ["CONNECT %s HTTP/1.1", "GET http://%s/ HTTP/1.1"])
def test_a_job_of_a_fork_is_told_what_it_may_not_reach(request_line: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        answer = answer_of(Gateway(ours, public_only=True), request_line % "10.0.0.1:80")

    assert answer.startswith("HTTP/1.1 403")
    assert "no job of a fork may reach 10.0.0.1:80, which is 10.0.0.1" in answer


def test_a_place_that_its_runner_names_is_reached() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.create_server(("127.0.0.1", 0)) as index:
        place = f"localhost:{index.getsockname()[1]}"
        gateway = Gateway(ours, {("localhost", index.getsockname()[1])}, public_only=True)

        async def ask() -> str:
            server = await asyncio.start_server(partial(gateway.proxy, 1), "127.0.0.1")
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(f"CONNECT {place} HTTP/1.1\r\n\r\n".encode())
            line = await reader.readline()
            writer.close()
            server.close()
            return line.decode()

        assert "200" in asyncio.run(ask())
