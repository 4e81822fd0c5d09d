"""HTTP connections with the machine's settings for proxies and trusted certificates."""

from dataclasses import dataclass, field
from typing import Any

import urllib3

from penstock_shared.proxies import proxy_for

_CONNECTING = 5.0


@dataclass(frozen=True)
class Connections:
    """Connection pools, one per proxy. `read` is a timeout in seconds, `count` is per host.

    `ca_bundle` is a file of trusted certificates that replaces the system's.
    """

    read: float
    count: int
    ca_bundle: str = ""
    _pools: dict[str, urllib3.PoolManager] = field(default_factory=dict)

    def to(self, address: str) -> urllib3.PoolManager:
        """The pool for an address. It never retries requests."""
        proxy = proxy_for(address)
        if proxy not in self._pools:
            self._pools[proxy] = self._pool(proxy)
        return self._pools[proxy]

    def _pool(self, proxy: str) -> urllib3.PoolManager:
        options: dict[str, Any] = {
            "maxsize": self.count,
            "timeout": urllib3.Timeout(connect=_CONNECTING, read=self.read),
            "retries": False,  # redirects are not followed either
            "ca_certs": self.ca_bundle or None,
        }
        return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)
