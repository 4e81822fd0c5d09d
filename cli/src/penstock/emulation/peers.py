"""Finds out whose process is at the other end of a connection."""

import os
import socket
import struct
import sys
from pathlib import Path

from penstock.emulation.kinds import Scope

_SOCK_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1
# include/uapi/linux/netlink.h and inet_diag.h: a header, the question, and the socket's addresses.
_HEADER = struct.Struct("=IHHII")
_QUESTION = struct.Struct("=BBBBI")
_SOCKET = struct.Struct("!HH16s16s4s8s")
_ANY_STATE, _ANY_COOKIE = 0xFFFFFFFF, b"\xff" * 8
# The answer has the family and three more bytes, the socket, and then: expires, two lengths of
# queues, the user's id, the inode.
_OWNER = struct.Struct("=12xII")
_OWNER_AT = _HEADER.size + 4 + _SOCKET.size
_ROOT = 0
_TABLE = Path("/proc/net/tcp")

Address = tuple[str, int]


def may_speak(scope: Scope) -> bool:
    """Whether the sender of this request is a process of this user, or of root.

    Only Linux tells; elsewhere every process of the machine may speak.
    """
    if sys.platform != "linux":
        return True
    return owner_of(scope["client"], scope["server"]) in {_ROOT, os.getuid()}


def owner_of(local: Address, remote: Address) -> int | None:
    """The user of the process that holds this end of a TCP connection over IPv4, or None.

    None also for an end that was closed: it belongs to no process, and would count as root's.
    """
    ends = [socket.inet_aton(local[0]), socket.inet_aton(remote[0])]
    asked = _SOCKET.pack(local[1], remote[1], *ends, bytes(4), _ANY_COOKIE)
    question = _QUESTION.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ANY_STATE) + asked
    header = _HEADER.pack(_HEADER.size + len(question), _BY_FAMILY, _REQUEST, 1, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
            kernel.sendall(header + question)
            answer = kernel.recv(4096)
    except OSError:
        return _owner_in_table(local, remote)
    if _HEADER.unpack_from(answer)[1] != _BY_FAMILY:
        # Also the answer of a kernel without this kind of question.
        return _owner_in_table(local, remote)
    owner, inode = _OWNER.unpack_from(answer, _OWNER_AT)
    return owner if inode else None


def _owner_in_table(local: Address, remote: Address) -> int | None:
    """The same from the kernel's table of all connections, which takes milliseconds to read."""
    wanted = [_in_hex(local), _in_hex(remote)]
    for line in _TABLE.read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == wanted:
            return int(fields[7]) if int(fields[9]) else None
    return None


def _in_hex(address: Address) -> str:
    """https://docs.kernel.org/networking/proc_net_tcp.html: the address in the order of bytes of
    the machine.
    """
    (number,) = struct.unpack("=I", socket.inet_aton(address[0]))
    return f"{number:08X}:{address[1]:04X}"
