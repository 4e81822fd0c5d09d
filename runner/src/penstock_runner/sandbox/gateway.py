"""The gateway out of the sandboxes' networks: `gateway FD {any|public} [HOST:PORT ...]`.

A process beside the runner that listens inside each job's network namespace. One port is a forward
proxy (CONNECT and plain HTTP) that refuses the machine and the metadata services by their resolved
addresses, and with `public` all addresses that are not public, except the places named. Each other
port forwards connections to one host and port.

Requests and answers are lines of JSON on the socket FD: `{"enter": PID, "doors": {"PORT":
"HOST:PORT", or "" for the proxy}}` or `{"leave": PID}`, answered by `{"error": TEXT}`. A second
`enter` opens the doors that are missing and closes those that are not listed.
"""

import asyncio
import base64
import concurrent.futures.thread  # noqa: F401  # see main: not readable later
import encodings.idna  # noqa: F401
import json
import os
import socket
import sys
import urllib.request  # noqa: F401
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from penstock_runner.sandbox.addresses import host_and_port, is_local, is_refused
from penstock_runner.sandbox.porter import ask_porter, fork_porter
from penstock_shared.proxies import proxy_for

_CHUNK = 1 << 16
_LONGEST_HEAD = 1 << 16
_CONNECTING = 20.0
_NOBODY = 65534
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-authorization", "proxy-connection"}

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ForbiddenAddressError(Exception):
    """The gateway does not go there. Its text is for people."""


@dataclass
class Gateway:
    """All open doors. `allowed` are destinations that are never refused; `public_only` refuses all
    others whose address is not public.
    """

    porter: socket.socket
    allowed: Collection[tuple[str, int]] = ()
    public_only: bool = False
    _doors: dict[int, dict[str, asyncio.Server]] = field(default_factory=dict)
    _places: dict[int, dict[str, str]] = field(default_factory=dict)

    async def serve(self, control: socket.socket) -> None:
        """Answer the runner until it closes the socket."""
        reader, writer = await asyncio.open_unix_connection(sock=control)
        while line := await reader.readline():
            try:
                await self._apply(json.loads(line))
                answer = ""
            except OSError as error:
                answer = str(error)
            writer.write(json.dumps({"error": answer}).encode() + b"\n")

    async def _apply(self, order: dict[str, Any]) -> None:
        if "enter" in order:
            await self._enter(order["enter"], order["doors"])
            return
        self._places.pop(order["leave"], None)
        for server in self._doors.pop(order["leave"], {}).values():
            server.close()

    async def _enter(self, pid: int, doors: dict[str, str]) -> None:
        self._places[pid] = doors
        servers = self._doors.setdefault(pid, {})
        for port in servers.keys() - doors.keys():
            servers.pop(port).close()
        missing = [port for port in doors if port not in servers]
        opened = ask_porter(self.porter, pid, [int(port) for port in missing]) if missing else []
        for port, listening in zip(missing, opened, strict=True):
            servers[port] = await asyncio.start_server(
                partial(_pass_on, doors[port]) if doors[port] else partial(self.proxy, pid),
                sock=listening,
                limit=_LONGEST_HEAD,
            )

    async def proxy(
        self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one connection of the job with that process to its proxy."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            upstream = await self._way(head, self._places.get(pid, {}), writer)
        except ForbiddenAddressError as error:
            await _end(writer, "403 Forbidden", str(error))
        except (TimeoutError, OSError, ValueError) as error:
            await _end(writer, "502 Bad Gateway", str(error))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.close()
        else:
            await _relay((reader, writer), upstream)

    async def _way(
        self, head: str, doors: Mapping[str, str], writer: asyncio.StreamWriter
    ) -> Streams:
        """A connection to the destination in the head; the request's head is sent or answered."""
        request, *fields = head.rstrip("\r\n").split("\r\n")
        method, target, version = request.split(" ")
        if method == "CONNECT":
            host, port = host_and_port(target)
            door = _door(doors, host, port)
            upstream = await (_open(*door) if door else self._connected(host, port, "https"))
            writer.write(f"{version} 200 Connection established\r\n\r\n".encode())
            return upstream
        url = urlsplit(target)
        if url.scheme != "http" or not url.hostname:
            raise ValueError(f"this proxy does not understand {method} {target[:200]}")
        kept = [line for line in fields if line.partition(":")[0].lower() not in _HOP_BY_HOP]
        door = _door(doors, url.hostname, url.port or 80)
        via = None if door else _upstream_proxy(url.hostname, "http")
        path = url._replace(scheme="", netloc="").geturl() or "/"
        lines = [f"{method} {target if via else path} {version}", *kept, "Connection: close"]
        if door:
            upstream = await _open(*door)
        elif via:
            await self._check(url.hostname, url.port or 80, unknown_is_fine=True)
            upstream = await _open(*via[:2])
            lines += via[2]
        else:
            upstream = await self._directly(url.hostname, url.port or 80)
        upstream[1].write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        return upstream

    async def _connected(self, host: str, port: int, scheme: str) -> Streams:
        via = _upstream_proxy(host, scheme)
        if not via:
            return await self._directly(host, port)
        await self._check(host, port, unknown_is_fine=True)
        upstream = await _open(*via[:2])
        name = f"[{host}]" if ":" in host else host
        lines = [f"CONNECT {name}:{port} HTTP/1.1", f"Host: {name}:{port}", *via[2]]
        upstream[1].write(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = (await upstream[0].readuntil(b"\r\n\r\n")).split(b"\r\n")[0].decode("latin-1")
        if answer.split(" ")[1:2] != ["200"]:
            raise OSError(f"the proxy {via[0]} answered {answer}")
        return upstream

    async def _directly(self, host: str, port: int) -> Streams:
        last: OSError = OSError(f"{host} has no address")
        for address in await self._check(host, port):
            try:
                upstream = await _open(address, port)
            except OSError as error:
                last = error
                continue
            self._refuse_machine(host, port, upstream[1])
            return upstream
        raise last

    async def _check(self, host: str, port: int, *, unknown_is_fine: bool = False) -> list[str]:
        """The addresses of a host. Raises ForbiddenAddressError if one of them is refused.

        Connections use these addresses: a second resolution could return others.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            if unknown_is_fine:
                return []
            raise
        addresses = [str(address[0]) for *_, address in found]
        if (host, port) not in self.allowed:
            for address in addresses:
                if is_refused(address, public_only=self.public_only):
                    who = "job of a fork" if self.public_only else "job"
                    raise ForbiddenAddressError(
                        f"no {who} may reach {host}:{port}, which is {address}"
                    )
        return addresses

    def _refuse_machine(self, host: str, port: int, writer: asyncio.StreamWriter) -> None:
        ours, theirs = (writer.get_extra_info(name) for name in ("sockname", "peername"))
        if ours[0] == theirs[0] and (host, port) not in self.allowed:
            writer.close()
            raise ForbiddenAddressError(
                f"no job may reach {host}:{port}, which is its runner's machine"
            )


def _door(doors: Mapping[str, str], host: str, port: int) -> tuple[str, int] | None:
    """Where the job's own loopback leads at that port. Some programs ask the proxy even for that,
    whatever `no_proxy` says.
    """
    target = doors.get(str(port), "")
    return host_and_port(target) if target and is_local(f"{host}:{port}") else None


def _upstream_proxy(host: str, scheme: str) -> tuple[str, int, list[str]] | None:
    """The host and port of the machine's own proxy, and headers for it; None without one."""
    address = proxy_for(f"{scheme}://{f'[{host}]' if ':' in host else host}")
    if not address:
        return None
    url = urlsplit(address if "://" in address else f"http://{address}")
    given = f"{unquote(url.username or '')}:{unquote(url.password or '')}".encode()
    fields = [f"Proxy-Authorization: Basic {base64.b64encode(given).decode()}"]
    return url.hostname or "", url.port or 80, fields if url.username else []


async def _pass_on(target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        upstream = await _open(*host_and_port(target))
    except (TimeoutError, OSError):
        writer.close()
    else:
        await _relay((reader, writer), upstream)


async def _open(host: str, port: int) -> Streams:
    opening = asyncio.open_connection(host, port, limit=_LONGEST_HEAD)
    return await asyncio.wait_for(opening, _CONNECTING)


async def _relay(one: Streams, other: Streams) -> None:
    try:
        await asyncio.gather(_copy(one[0], other[1]), _copy(other[0], one[1]))
    finally:
        for _, writer in (one, other):
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while content := await reader.read(_CHUNK):
            writer.write(content)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _end(writer: asyncio.StreamWriter, status: str, reason: str) -> None:
    text = f"Penstock: {reason}\n".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    with suppress(OSError):
        writer.write(head.encode() + text)
        await writer.drain()
    writer.close()


def main() -> None:
    """Serve until the runner closes the socket, or dies."""
    porter = fork_porter()
    if os.getuid() == 0:
        # Only the porter needs root; the process that reads what jobs send does not. The user
        # `nobody` may be unable to read the interpreter's files, so all modules are imported by
        # now.
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    control = socket.socket(fileno=int(sys.argv[1]))
    allowed = {host_and_port(place) for place in sys.argv[3:]}
    gateway = Gateway(porter, allowed, public_only=sys.argv[2] == "public")
    asyncio.run(gateway.serve(control))


if __name__ == "__main__":
    main()
