"""Which proxy the environment names for an address."""

import os
from urllib.parse import urlsplit


def proxy_for(address: str) -> str:
    """The proxy's address, by `<scheme>_proxy`, `all_proxy` and `no_proxy`; empty without one."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return ""
    from urllib.request import getproxies, proxy_bypass  # dear to import, and rarely needed

    parts = urlsplit(address)
    known = getproxies()
    proxy = known.get(parts.scheme) or known.get("all", "")
    return "" if not proxy or proxy_bypass(parts.netloc) else proxy
