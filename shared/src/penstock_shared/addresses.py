"""Which addresses of the network are public, whichever way they are written."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

_NAT64 = ip_network("64:ff9b::/96")
"""https://www.rfc-editor.org/rfc/rfc6052"""
_NOT_PUBLIC = tuple(
    ip_network(network)
    for network in (
        "::/96",  # stands for an address of IPv4; https://www.rfc-editor.org/rfc/rfc4291
        "64:ff9b:1::/48",  # of one network; https://www.rfc-editor.org/rfc/rfc8215
        "fec0::/10",  # of one site; https://www.rfc-editor.org/rfc/rfc3879
    )
)
"""Python counts these as global."""


def meanings_of(text: str) -> list[Address]:
    """A resolved address, and those of IPv4 that it stands for. An IPv6 scope is ignored."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv4Address):
        return [address]
    meant = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        meant.append(IPv4Address(address.packed[-4:]))
    return [address, *(each for each in meant if each)]


def is_public(text: str) -> bool:
    """Whether a resolved address, in all its meanings, is one of the public internet."""
    return all(
        each.is_global and not each.is_multicast and not any(each in one for one in _NOT_PUBLIC)
        for each in meanings_of(text)
    )
