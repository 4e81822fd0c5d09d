"""Plain requests over connections that are kept."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from penstock_shared.aws.wire import Wire, WireError, WireLimits

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Peer:
    """Answers each request with the next of its answers; None closes the connection instead."""

    listening: socket.socket
    answers: list[bytes | None] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    closed: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                self._serve(connection)
            self.closed.set()

    def _serve(self, connection: socket.socket) -> None:
        while request := connection.recv(65536):
            self.requests.append(request)
            answer = self.answers.pop(0)
            if answer is None:
                return
            connection.sendall(answer)
            if answer.startswith(b"HTTP/1.0") or not self.answers:
                return


@pytest.fixture
def peer() -> Iterator[Peer]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = Peer(listening)
        thread = threading.Thread(target=peer.serve)
        thread.start()
        yield peer
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


def ask(wire: Wire) -> tuple[int, bytes]:
    return wire.ask("POST", "/", {"host": "peer", "x-a": "b"}, b"{}")


def test_requests_share_a_connection(peer: Peer) -> None:
    peer.answers = [OK, b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"]
    wire = Wire(peer.address)

    assert [ask(wire), ask(wire)] == [(200, b"ok"), (404, b"")]

    assert peer.connections == 1
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST / HTTP/1.1",
        b"host: peer",
        b"x-a: b",
        b"content-length: 2",
    ]
    assert body == b"{}"


def test_a_connection_closed_meanwhile_is_noticed_before_it_is_used(peer: Peer) -> None:
    peer.answers = [OK]
    wire = Wire(peer.address)
    ask(wire)
    assert peer.closed.wait(5)
    peer.answers = [OK]

    assert ask(wire) == (200, b"ok")

    assert peer.connections == 2


def test_a_connection_that_dies_unseen_gets_a_second_try_on_a_fresh_one(peer: Peer) -> None:
    peer.answers = [OK, None, OK]
    wire = Wire(peer.address)
    ask(wire)  # the peer reads the next request before it closes this connection

    assert ask(wire) == (200, b"ok")

    assert (peer.connections, len(peer.requests)) == (2, 3)


def test_a_request_is_not_sent_twice_once_its_answer_has_begun(peer: Peer) -> None:
    peer.answers = [OK, b"HTTP/1.1 200 OK\r\nContent-Le", OK]
    wire = Wire(peer.address, WireLimits(read=0.2))
    ask(wire)

    with pytest.raises(WireError, match="timed out"):
        ask(wire)

    assert len(peer.requests) == 2


@pytest.mark.parametrize(
    "ending", [b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\nConnection: Close\r\n"]
)
def test_a_connection_that_will_be_closed_is_not_kept(peer: Peer, ending: bytes) -> None:
    peer.answers = [ending + b"Content-Length: 0\r\n\r\n"]
    wire = Wire(peer.address)

    assert ask(wire) == (200, b"")

    assert not wire._kept


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ],
)
def test_anything_but_a_plain_answer_is_refused_and_its_connection_closed(
    peer: Peer, answer: bytes | None
) -> None:
    peer.answers = [answer]
    wire = Wire(peer.address)

    with pytest.raises(WireError, match=wire.address):
        ask(wire)

    assert not wire._kept


def test_nobody_waits_longer_than_the_limit(peer: Peer) -> None:
    peer.answers = [b"", OK]

    with pytest.raises(WireError, match="timed out"):
        ask(Wire(peer.address, WireLimits(read=0.05)))


def test_nobody_there_is_a_wire_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"

    with pytest.raises(WireError, match="refused"):
        ask(Wire(address))
