"""Which addresses of the network source may be fetched from.

A clone address is a name that its owner may point anywhere: at the loopback, at a metadata service,
or at a neighbour in a private network. So the addresses behind it are judged when a connection is
made, and the connection goes to the judged address: a name that changes its meaning in between
changes nothing.
"""

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError, NewConnectionError

from build_service.domain.errors import SourceError
from penstock_shared.addresses import is_public
from penstock_shared.proxies import proxy_for

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host that may be connected to, in order. Raises SourceError for a forbidden
one, OSError for a host without any."""


def any_address(host: str, port: int) -> Sequence[str]:
    """All addresses of a host. For a stack on the developer's own machine."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


def public_address(host: str, port: int) -> Sequence[str]:
    """The addresses of a host if all of them are public."""
    addresses = any_address(host, port)
    for address in addresses:
        if not is_public(address):
            raise SourceError(
                f"{host} is at {address}, which is no public address: this stack fetches source "
                "from public servers only"
            )
    return addresses


class _Judged(HTTPConnection):
    """A connection to an address that was judged."""

    resolve: Resolve

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        try:
            for address in self._addresses(name):
                with suppress(NewConnectionError):
                    self._dns_host = address
                    return super()._new_conn()
        finally:
            self._dns_host = name
        raise NewConnectionError(self, f"no address of {name} can be connected to")

    def _addresses(self, name: str) -> Sequence[str]:
        try:
            return type(self).resolve(name, self.port)
        except OSError as error:
            raise NameResolutionError(name, self, socket.gaierror(str(error))) from error


class _JudgedTls(_Judged, HTTPSConnection):
    """The same, with TLS to the name."""


def pool_for(url: str, resolve: Resolve, seconds: float) -> urllib3.PoolManager:
    """Connections to one server, each with so many seconds to connect and to answer."""
    settings: dict[str, Any] = {
        "headers": {"User-Agent": "git/penstock", "Accept-Encoding": "identity"},
        "timeout": urllib3.Timeout(connect=min(seconds, 5), read=seconds),
        # A redirect is an answer as any other: a server may not choose where else to ask.
        "retries": False,
    }
    if proxy := proxy_for(url):
        # The proxy judges addresses itself.
        return urllib3.ProxyManager(proxy, **settings)
    plain = type("_Plain", (_Judged,), {"resolve": staticmethod(resolve)})
    secure = type("_Secure", (_JudgedTls,), {"resolve": staticmethod(resolve)})
    pool = urllib3.PoolManager(**settings)
    pool.pool_classes_by_scheme = {
        "http": type("_PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("_SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
    return pool
