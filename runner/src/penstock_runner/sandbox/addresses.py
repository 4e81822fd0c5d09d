"""The addresses that jobs may reach through the gateway: other machines, not the runner's own.

Refused are the machine itself, the local link, and the metadata services of the clouds, which give
the machine's credentials to anybody who can reach them.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address
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
_NAT64 = ip_network("64:ff9b::/96")


def is_refused(text: str) -> bool:
    """Whether jobs may not reach this resolved address. An IPv6 scope is ignored."""
    address = _plain(ip_address(text.partition("%")[0]))
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or any(address in network for network in _METADATA)
    )


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address embeds, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


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
