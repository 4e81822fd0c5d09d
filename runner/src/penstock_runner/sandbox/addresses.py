"""The addresses that jobs may reach through the gateway: other machines, not the runner's own.

Refused are the machine itself, the local link, and the metadata services of the clouds, which give
the machine's credentials to anybody who can reach them. Strangers, whose jobs are those of forks,
reach public addresses only.
"""

from ipaddress import ip_address, ip_network

from penstock_shared.addresses import Address, is_public, meanings_of

_METADATA = tuple(
    ip_network(network)
    for network in (
        "169.254.0.0/16",  # AWS, Google, Azure, ECS tasks
        "fd00:ec2::/32",  # AWS
        "fd20:ce::/32",  # Google
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's host
        "192.0.0.192/32",  # Oracle
    )
)


def is_refused(text: str, *, public_only: bool = False) -> bool:
    """Whether jobs may not reach this resolved address, in any of its meanings."""
    return (public_only and not is_public(text)) or any(map(_is_near, meanings_of(text)))


def _is_near(address: Address) -> bool:
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or any(address in network for network in _METADATA)
    )


def host_and_port(text: str, default: int | None = None) -> tuple[str, int]:
    """Split `host:port` or `[v6]:port`. Raises ValueError."""
    host, _, port = text.rpartition(":")
    if (not host or (host.count(":") and not host.startswith("["))) and default is not None:
        host, port = text, str(default)
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ValueError(f"{text!r} is no host:port")
    return host.strip("[]").lower().rstrip("."), int(port)


def is_local(place: str) -> bool:
    """Whether host:port is on the machine's loopback interface."""
    host, _ = host_and_port(place)
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
