"""Opens listening sockets inside the network namespaces of jobs, for the gateway outside.

A process can enter a user namespace only while it has a single thread, and cannot leave it. So the
gateway forks the porter before it has threads, and the porter forks a child for each job, which
enters the namespace, binds the sockets, sends them back and ends.
"""

import ctypes
import fcntl
import os
import socket
from collections.abc import Sequence

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
    while request := gateway.recv(_LONGEST_REQUEST):
        pid, *ports = map(int, request.split())
        child = os.fork()
        if child == 0:
            _answer(gateway, pid, ports)
            os._exit(0)
        os.waitpid(child, 0)


def _answer(gateway: socket.socket, pid: int, ports: Sequence[int]) -> None:
    try:
        _enter(pid)
        opened = [_listening(port) for port in ports]
    except Exception as error:  # noqa: BLE001  # the gateway waits for an answer in any case
        gateway.send(f"could not enter the network of a job: {error}".encode())
        return
    socket.send_fds(gateway, [OK], [listening.fileno() for listening in opened])


def _enter(pid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    owner = fcntl.ioctl(network, _NS_GET_USERNS)
    if os.fstat(owner).st_ino != os.stat("/proc/self/ns/user").st_ino:  # noqa: PTH116
        _check(libc.setns(owner, 0))
    _check(libc.setns(network, 0))


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
