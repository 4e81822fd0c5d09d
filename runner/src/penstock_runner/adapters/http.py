"""Connections as the machine's owner wants them: through a proxy or not, trusting whom."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

_CONNECTING = 5.0


@dataclass(frozen=True)
class Connections:
    """Pools of connections, one for each way out. Times in seconds; `count` for each host.

    `ca_bundle` is a file of certificates to trust, instead of the system's.
    """

    read: float
    count: int
    ca_bundle: str = ""
    _pools: dict[str, urllib3.PoolManager] = field(default_factory=dict)

    def to(self, address: str) -> urllib3.PoolManager:
        """The pool by which that address is reached. Its requests are never tried again."""
        proxy = _proxy_for(address)
        if proxy not in self._pools:
            self._pools[proxy] = self._pool(proxy)
        return self._pools[proxy]

    def _pool(self, proxy: str) -> urllib3.PoolManager:
        options: dict[str, Any] = {
            "maxsize": self.count,
            "timeout": urllib3.Timeout(connect=_CONNECTING, read=self.read),
            "retries": False,  # a redirect is an answer like any other, too
            "ca_certs": self.ca_bundle or None,
        }
        return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


def _proxy_for(address: str) -> str:
    parts = urlsplit(address)
    proxy = getproxies().get(parts.scheme, "")
    return "" if not proxy or proxy_bypass(parts.netloc) else proxy
