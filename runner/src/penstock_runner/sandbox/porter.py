"""Opens listening sockets inside the network namespaces of jobs, for the gateway outside.

A process can enter a user namespace only while it has a single thread, and cannot leave it. So the
gateway forks the porter before it has threads. For a job in a user namespace the porter forks a
child, which enters the namespace, binds the sockets, sends them back and ends. A job of a runner
that is root has none: there the porter itself enters the network and comes back.
"""

import ctypes
import fcntl
import os
import socket
from collections.abc import Sequence
from functools import cache

_NS_GET_USERNS = 0xB701
"""ioctl_ns(2): the user namespace that owns another namespace."""
_LONGEST_REQUEST = 1 << 12
_MOST_SOCKETS = 64
_BACKLOG = 128
OK = b"ok"


def fork_porter() -> socket.socket:
    """Start the porter; returns the socket for `ask_porter`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        _serve(theirs)
        os._exit(0)
    theirs.close()
    return ours


def ask_porter(porter: socket.socket, pid: int, ports: Sequence[int]) -> list[socket.socket]:
    """Sockets that listen on these ports in the network namespace of this process.

    Raises OSError.
    """
    porter.send(" ".join(map(str, (pid, *ports))).encode())
    answer, descriptors, _, _ = socket.recv_fds(porter, _LONGEST_REQUEST, _MOST_SOCKETS)
    opened = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    if answer != OK:
        raise OSError(answer.decode() or "the porter ended")
    return opened


def _serve(gateway: socket.socket) -> None:
    home = _network_of("self")
    while request := gateway.recv(_LONGEST_REQUEST):
        pid, *ports = map(int, request.split())
        try:
            network = _network_of(pid)
            owner = fcntl.ioctl(network, _NS_GET_USERNS)
        except OSError as error:
            _complain(gateway, error)
            continue
        if _is_ours(owner):
            _answer(gateway, [network], ports)
            _enter(home)
        elif (child := os.fork()) == 0:
            _answer(gateway, [owner, network], ports)
            os._exit(0)
        else:
            os.waitpid(child, 0)
        os.close(owner)
        os.close(network)


def _answer(gateway: socket.socket, namespaces: Sequence[int], ports: Sequence[int]) -> None:
    opened: list[socket.socket] = []
    try:
        for namespace in namespaces:
            _enter(namespace)
        opened.extend(_listening(port) for port in ports)
    except Exception as error:  # noqa: BLE001  # the gateway waits for an answer in any case
        _complain(gateway, error)
    else:
        socket.send_fds(gateway, [OK], [listening.fileno() for listening in opened])
    for listening in opened:
        listening.close()


def _complain(gateway: socket.socket, error: Exception) -> None:
    gateway.send(f"could not enter the network of a job: {error}".encode())


def _network_of(pid: int | str) -> int:
    return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _is_ours(user_namespace: int) -> bool:
    return os.fstat(user_namespace).st_ino == os.stat("/proc/self/ns/user").st_ino  # noqa: PTH116


def _enter(namespace: int) -> None:
    _check(_libc().setns(namespace, 0))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _listening(port: int) -> socket.socket:
    # All addresses: the namespace has only a loopback interface, which may not be up yet.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("0.0.0.0", port))  # noqa: S104
    listening.listen(_BACKLOG)
    return listening
